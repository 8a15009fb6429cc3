/// The services that an answer is about, beside it: for the record of who changed what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditNames(pub Vec<String>);
