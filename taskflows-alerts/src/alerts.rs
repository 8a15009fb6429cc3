use serde::{Deserialize, Serialize};

use crate::{Destination, SendOn};

/// Where to tell of a task, and what.
///
/// ```
/// use taskflows_alerts::{Alerts, Email, SendOn, Slack};
///
/// let quiet = Alerts::from(Slack::channel("ops"));
/// assert_eq!(quiet.send_on, SendOn::FOR_TASKS);
///
/// let alerts = Alerts {
///     send_to: vec![
///         Slack::channel("critical_alerts").into(),
///         Email::new("sender@gmail.com", "password", ["someone@gmail.com", "someone@yahoo.com"]).into(),
///     ],
///     send_on: vec![SendOn::Start, SendOn::Error, SendOn::Finish],
/// };
/// assert_eq!(alerts.send_to.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Alerts {
    /// Where to; in a definition one destination or a list.
    #[serde(deserialize_with = "one_or_many")]
    pub send_to: Vec<Destination>,
    /// What of; in a definition one word or a list.
    #[serde(deserialize_with = "one_or_many")]
    pub send_on: Vec<SendOn>,
}

impl Default for Alerts {
    /// To nobody, what a task of a program tells unless it says otherwise.
    fn default() -> Self {
        Self { send_to: Vec::new(), send_on: SendOn::FOR_TASKS.to_vec() }
    }
}

impl<D: Into<Destination>> From<D> for Alerts {
    fn from(destination: D) -> Self {
        Self { send_to: vec![destination.into()], ..Self::default() }
    }
}

fn one_or_many<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    use serde::de::Error as _;
    // By way of a value, since the error of an untagged enum would not tell what is wrong.
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Array(all) => {
            all.into_iter().map(serde_json::from_value).collect::<Result<_, _>>().map_err(D::Error::custom)
        }
        one => serde_json::from_value(one).map(|one| vec![one]).map_err(D::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Slack;

    #[test]
    fn one_stands_for_a_list_of_one() {
        let read: Alerts =
            serde_json::from_value(json!({"send_to": {"channel": "ops"}, "send_on": "failed"})).unwrap();
        assert_eq!(
            read,
            Alerts { send_to: vec![Slack::channel("ops").into()], send_on: vec![SendOn::Failed] }
        );
        let read: Alerts = serde_json::from_value(json!({"send_to": [{"channel": "ops"}]})).unwrap();
        assert_eq!(read, Slack::channel("ops").into());
    }

    #[test]
    fn what_is_wrong_in_one_of_several_is_told() {
        let wrong = json!({"send_to": [{"channel": "ops"}, {"channel": "ops", "chanel": 1}]});
        let error = serde_json::from_value::<Alerts>(wrong).unwrap_err().to_string();
        assert!(error.contains("slack destination: unknown field `chanel`"), "{error}");
    }
}
