use std::io;

use crate::Ui;

/// What a command would remark, for those who are not at this terminal.
#[derive(Debug, Default)]
pub(super) struct Collected {
    remarks: Vec<u8>,
    out: io::Sink,
    input: io::Empty,
}

impl Collected {
    /// Returns streams of which the remarks are kept. Nobody answers a question.
    pub(super) fn ui(&mut self) -> Ui<'_> {
        Ui {
            out: &mut self.out,
            status: &mut self.remarks,
            input: &mut self.input,
            width: None,
            colour: false,
            interactive: false,
            quiet: false,
        }
    }

    /// Takes the remarks so far, line by line.
    pub(super) fn take(&mut self) -> Vec<String> {
        let remarks = std::mem::take(&mut self.remarks);
        String::from_utf8_lossy(&remarks).lines().map(str::to_owned).collect()
    }
}
