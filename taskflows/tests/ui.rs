//! Errors of `#[task]` as the compiler shows them: at the user's own words.

#[test]
fn slips_are_told_where_they_stand() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
