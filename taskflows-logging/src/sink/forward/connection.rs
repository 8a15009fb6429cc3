use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::ack::{Ack, acknowledged};
use super::address::Address;

/// An acknowledgement is shorter than this.
const LONGEST_ACK: usize = 4096;

/// A connection on which every chunk so far was acknowledged.
#[derive(Debug)]
pub(super) struct Connection(TcpStream);

impl Connection {
    pub(super) fn open(address: &Address, limit: Duration) -> Result<Self, String> {
        let mut fault = "it has no address".to_owned();
        for address in address.resolve()? {
            match TcpStream::connect_timeout(&address, limit) {
                Ok(stream) => {
                    // The end of a chunk would wait for the receiver, and its answer for that end.
                    let _ = stream.set_nodelay(true);
                    return Ok(Self(stream));
                }
                Err(error) => fault = format!("no connection: {error}"),
            }
        }
        Err(fault)
    }

    /// Sends a chunk and waits for its acknowledgement. After an error the connection is of no use.
    pub(super) fn send(&mut self, message: &[u8], chunk: &str, limit: Duration) -> Result<(), String> {
        self.write(message, limit).map_err(|error| match is_timeout(&error) {
            true => "it does not read".to_owned(),
            false => format!("broken off: {error}"),
        })?;
        match self.read_ack(limit) {
            Ok(ack) if ack.chunk == chunk => Ok(()),
            Ok(_) => Err("another chunk was acknowledged".to_owned()),
            Err(error) if is_timeout(&error) => Err("no acknowledgement within the limit".to_owned()),
            Err(error) => Err(format!("not acknowledged: {error}")),
        }
    }

    fn write(&mut self, mut rest: &[u8], limit: Duration) -> io::Result<()> {
        let until = Instant::now() + limit;
        while !rest.is_empty() {
            self.0.set_write_timeout(Some(left(until)?))?;
            match self.0.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read_ack(&mut self, limit: Duration) -> io::Result<Ack> {
        let until = Instant::now() + limit;
        let (mut bytes, mut length) = ([0; LONGEST_ACK], 0);
        loop {
            self.0.set_read_timeout(Some(left(until)?))?;
            match self.0.read(&mut bytes[length..]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => length += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            match acknowledged(&bytes[..length]) {
                Some(Ok(ack)) => return Ok(ack),
                None if length < LONGEST_ACK => {}
                _ => return Err(io::Error::new(ErrorKind::InvalidData, "the answer is no acknowledgement")),
            }
        }
    }
}

fn left(until: Instant) -> io::Result<Duration> {
    match until.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}
