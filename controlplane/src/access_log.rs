//! Access log formats in files.

use ringway_core::telemetry::access_log;

use crate::cursor::Cursor;
use crate::issue::{Issues, quoted};

/// Longest format; AWS's limit for HTTP APIs (spec sheet §7).
const FORMAT_BYTES_MAX: usize = 3 * 1024;

impl Issues<'_> {
    /// An access log format that the data plane can compile.
    pub(crate) fn access_log_format<'a>(&mut self, cursor: &Cursor<'a>) -> Option<&'a str> {
        let format = self.string(cursor)?;
        if let Err(message) = validate(format) {
            self.at(cursor, message);
            return None;
        }
        Some(format)
    }
}

/// What is wrong with a format in a file.
pub(crate) fn validate(format: &str) -> Result<(), String> {
    if format.len() > FORMAT_BYTES_MAX {
        return Err(format!("the format is longer than {FORMAT_BYTES_MAX} bytes"));
    }
    access_log::compile(format).map_err(|error| error.message)?;
    // What is no `$context.NAME` is text to the compiler; here it is more likely a slip than a wish.
    for (offset, _) in format.match_indices('$') {
        let after = &format[offset + 1..];
        let names = after.starts_with(|first: char| first.is_ascii_alphabetic() || first == '{');
        if names && !after.starts_with("context.") {
            return Err(format!("{} is not `$context.NAME`", quoted(&format[offset..])));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted() {
        for format in [
            "$context.identity.sourceIp $context.identity.caller $context.identity.user [$context.requestTime] \
             \"$context.httpMethod $context.resourcePath $context.protocol\" $context.status \
             $context.responseLength $context.requestId $context.extendedRequestId",
            r#"{ "requestId":"$context.requestId", "ip": "$context.identity.sourceIp" }"#,
            "$context.requestId,$context.status. $5",
        ] {
            assert_eq!(validate(format), Ok(()), "{format}");
        }
    }

    #[test]
    fn refused() {
        for (format, expected) in [
            ("", "must not be empty"),
            ("$context.status", "contains"),
            ("$context.requestId\n", "single line"),
            ("$context.requestId $context.waf.status", "$context.waf.status"),
            ("$context.requestId $stageVariables.x", "is not `$context.NAME`"),
            ("$context.requestId ${context.status}", "is not `$context.NAME`"),
        ] {
            let message = validate(format).unwrap_err();
            assert!(message.contains(expected), "{format}: {message}");
        }
        assert!(validate(&format!("$context.requestId{}", " ".repeat(4000))).is_err());
    }
}
