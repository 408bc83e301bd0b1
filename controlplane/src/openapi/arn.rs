//! URIs of integrations with AWS services (tables.md §8.4, §13.1). They are kept, and checked as AWS checks them.

/// What AWS says of an ARN, if anything.
pub(crate) fn check(uri: &str, is_proxy: bool) -> Result<(), &'static str> {
    if !uri.starts_with("arn:") {
        return Err("Invalid ARN specified in the request");
    }
    // The variables of AWS have colons of their own.
    let plain = uri.replace("${AWS::", "${AWS..");
    let parts: Vec<&str> = plain.splitn(6, ':').collect();
    let [_, _, "apigateway", _, service, rest] = parts.as_slice() else {
        return Err("AWS ARN for integration must contain path or action");
    };
    if !rest.starts_with("path/") && !rest.starts_with("action/") {
        return Err("AWS ARN for integration must contain path or action");
    }
    let function = |version: &str, action: &str| {
        let path = rest.strip_prefix("path/").and_then(|path| path.strip_prefix(version));
        path.is_some_and(|path| path.starts_with("/functions/") && path.ends_with(action))
    };
    // The second is for answers that are streamed (spec sheet §4).
    let is_function = *service == "lambda"
        && (function("2015-03-31", "/invocations")
            || function("2021-11-15", "/response-streaming-invocations"));
    if is_proxy && !is_function && *service != "firehose" {
        return Err(
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_refusals() {
        let lambda = "arn:aws:lambda:us-east-1:000000000000:function:f";
        let invoke = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions";
        for (uri, is_proxy, expected) in [
            ("https://h", false, "Invalid ARN"),
            ("bad-arn:aws:apigateway:us-east-1:lambda:path/x", false, "Invalid ARN"),
            ("arn:aws:iam::000000000000:role/r", false, "path or action"),
            (lambda, false, "path or action"),
            ("arn:aws:apigateway:us-east-1:lambda:test/x", false, "path or action"),
            ("arn:aws:apigateway:us-east-1:dynamodb:action/PutItem", true, "AWS_PROXY"),
            ("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f", true, "AWS_PROXY"),
        ] {
            assert!(check(uri, is_proxy).unwrap_err().contains(expected), "{uri}");
        }
        for (uri, is_proxy) in [
            (format!("{invoke}/{lambda}/invocations"), true),
            (format!("{invoke}/{lambda}:${{stageVariables.alias}}/invocations"), true),
            ("arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/f/invocations".into(), true),
            ("arn:aws:apigateway:us-east-1:firehose:action/PutRecord".into(), true),
            ("arn:aws:apigateway:us-east-1:s3:path//".into(), false),
            ("arn:aws:apigateway:us-east-1:dynamodb:action/PutItem".into(), false),
        ] {
            assert_eq!(check(&uri, is_proxy), Ok(()), "{uri}");
        }
    }
}
