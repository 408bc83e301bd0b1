//! Access-log lines on their way to the writer: encoded into a batch on the core, handed over a batch at a time.

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use ringway_core::limits::{LOG_BATCH_BYTES, LOG_BATCHES_MAX};
use ringway_core::telemetry::access_log::{LogFormat, LogRecord, encode};
use ringway_core::telemetry::counters::Counter;

/// The core's end.
#[derive(Debug)]
pub struct LogSink {
    batch: Vec<u8>,
    channel: Option<Channel>,
}

#[derive(Debug)]
struct Channel {
    full: Sender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
}

/// The writer's end.
#[derive(Debug)]
pub struct LogSource {
    /// Batches of whole lines; disconnected once the core has ended.
    pub full: Receiver<Vec<u8>>,
    /// Written batches go back here, cleared, to be filled again.
    pub empty: Sender<Vec<u8>>,
}

/// A channel from one core to the writer, of at most [`LOG_BATCHES_MAX`] batches.
pub fn log_channel() -> (LogSink, LogSource) {
    let (full_in, full) = bounded(LOG_BATCHES_MAX);
    let (empty, empty_out) = bounded(LOG_BATCHES_MAX);
    let channel = Channel { full: full_in, empty: empty_out };
    (LogSink { batch: Vec::new(), channel: Some(channel) }, LogSource { full, empty })
}

impl LogSink {
    /// A sink for an access log that is off.
    pub fn off() -> Self {
        LogSink { batch: Vec::new(), channel: None }
    }

    /// Whether lines go anywhere.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.channel.is_some()
    }

    /// Appends a line. When the writer is behind, the batch's lines are dropped and counted.
    #[inline]
    pub fn line(&mut self, format: &LogFormat, record: &LogRecord<'_>, dropped: &Counter) {
        encode(format, record, &mut self.batch);
        // A line can be as long as a URL and a user agent: hand over before the next could pass the limit.
        if self.batch.len() > LOG_BATCH_BYTES - LOG_BATCH_BYTES / 4 {
            self.flush(dropped);
        }
    }

    /// Hands the lines so far to the writer.
    pub fn flush(&mut self, dropped: &Counter) {
        let Some(Channel { full, empty }) = &self.channel else { return };
        if self.batch.is_empty() {
            return;
        }
        let fresh = empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(LOG_BATCH_BYTES));
        match full.try_send(std::mem::replace(&mut self.batch, fresh)) {
            Ok(()) => {}
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => {
                dropped.add(batch.iter().filter(|byte| **byte == b'\n').count() as u64);
                self.batch = batch;
                self.batch.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringway_core::telemetry::access_log::{PRESET_CLF, compile};

    fn record() -> LogRecord<'static> {
        LogRecord {
            request_id: b"id",
            extended_request_id: b"ext",
            source_ip: b"192.0.2.1",
            user_agent: None,
            request_time: b"t",
            request_time_epoch: 0,
            http_method: b"GET",
            resource_path: None,
            resource_id: None,
            path: b"/",
            protocol: "HTTP/1.1",
            status: 200,
            response_length: 0,
            response_latency: 0,
            integration_latency: None,
            integration_status: None,
            integration_error: None,
            api_id: None,
            stage: None,
            deployment_id: None,
            domain_name: b"",
            account_id: "",
            api_key: None,
            cache_status: "-",
            error_message: None,
            error_response_type: None,
            validation_error: None,
            is_canary: false,
        }
    }

    #[test]
    fn a_full_channel_drops_lines_and_counts_them() {
        let (mut sink, source) = log_channel();
        let (format, dropped) = (compile(PRESET_CLF).unwrap(), Counter::default());
        let mut sent = 0;
        while dropped.get() == 0 {
            sink.line(&format, &record(), &dropped);
            sent += 1;
        }
        let received: usize =
            source.full.try_iter().map(|batch| batch.iter().filter(|b| **b == b'\n').count()).sum();
        assert_eq!(received as u64 + dropped.get(), sent);
        sink.line(&format, &record(), &dropped);
        sink.flush(&dropped);
        assert_eq!(source.full.try_iter().count(), 1, "it goes on once there is room");
    }
}
