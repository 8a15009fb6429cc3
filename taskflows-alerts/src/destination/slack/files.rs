use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::super::http::allowed;
use super::bot::{Posted, SlackBot};
use crate::{Attachment, NotifyError};

impl SlackBot {
    /// Puts files into the thread of a message that is there.
    ///
    /// A file that cannot be put there is no failure of the message, which would be posted a second time for it: the
    /// thread tells instead what is missing, and why.
    pub(super) async fn attach(&self, posted: &Posted, files: &[Attachment]) {
        for file in files {
            let Err(error) = self.attach_one(posted, file).await else { continue };
            let text = format!("{} is missing here: {error}", file.name);
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let body = json!({ "channel": posted.channel, "thread_ts": posted.thread, "text": text });
            let Ok(request) = self.method("chat.postMessage") else { continue };
            // Nothing is left to tell of it.
            let _ = self.answer(request.json(&body)).await;
        }
    }

    /// Source: <https://api.slack.com/messaging/files#upload>.
    async fn attach_one(&self, posted: &Posted, file: &Attachment) -> Result<(), NotifyError> {
        let place = self.http.place();
        if file.content.is_empty() {
            return Err(place.permanent("Slack takes no empty file"));
        }
        let length = file.content.len().to_string();
        let form = [("filename", file.name.as_str()), ("length", length.as_str())];
        let slot = self.answer(self.method("files.getUploadURLExternal")?.form(&form)).await?;
        let (Some(url), Some(id)) = (slot["upload_url"].as_str(), slot["file_id"].as_str()) else {
            return Err(place.transient("Slack named no address for the file", None));
        };
        let url = Url::parse(url).map_err(|error| place.permanent(error.to_string()))?;
        allowed(&url, false).map_err(|reason| place.permanent(format!("upload: {reason}")))?;
        // Without the token: the address itself is the permission.
        let request = self.http.post(url).header(CONTENT_TYPE, "application/octet-stream");
        self.http.deliver(request.body(file.content.clone())).await?;
        let files = json!([{ "id": id, "title": file.name }]).to_string();
        let form =
            [("files", files.as_str()), ("channel_id", &posted.channel), ("thread_ts", &posted.thread)];
        self.answer(self.method("files.completeUploadExternal")?.form(&form)).await?;
        Ok(())
    }
}
