//! Compiles MOCK integrations: which response answers is known before any request comes.

use super::{MockPlan, MockResponse};
use crate::http1::encode;
use crate::model::{IntegrationResponse, MockIntegration, compile_selection_pattern};

/// Chooses the response by its selection pattern (whole match against the status code, spec sheet §4) and encodes it.
pub(super) fn compile(mock: &MockIntegration) -> Result<MockPlan, String> {
    let selected = select(mock)?;
    Ok(MockPlan { response: selected.map(encode_response) })
}

fn select(mock: &MockIntegration) -> Result<Option<&IntegrationResponse>, String> {
    if let Some(status) = mock.status_code {
        let status = status.to_string();
        for response in &mock.responses {
            let Some(pattern) = response.selection_pattern.as_deref().filter(|p| !p.is_empty()) else {
                continue;
            };
            let regex = compile_selection_pattern(pattern).map_err(|error| format!("{pattern}: {error}"))?;
            if regex.is_match(&status) {
                return Ok(Some(response));
            }
        }
    }
    let is_default = |r: &&IntegrationResponse| r.selection_pattern.as_deref().unwrap_or("").is_empty();
    Ok(mock.responses.iter().find(is_default))
}

fn encode_response(response: &IntegrationResponse) -> MockResponse {
    let mut headers = Vec::new();
    let mut has_content_type = false;
    for (name, value) in &response.response_parameters {
        has_content_type |= name.eq_ignore_ascii_case("content-type");
        if is_remapped(name) {
            headers.extend_from_slice(b"x-amzn-Remapped-");
        }
        encode::header(name.as_bytes(), value.as_bytes(), &mut headers);
    }
    let bodies = response
        .response_templates
        .iter()
        .map(|(media_type, text)| (media_type.as_str().into(), text.as_bytes().into()))
        .collect();
    MockResponse { status: response.status_code, headers: headers.into(), has_content_type, bodies }
}

/// Headers that a non-proxy integration response may not set under their own name (tables.md §3.3).
fn is_remapped(name: &str) -> bool {
    const NAMES: [&str; 14] = [
        "Connection",
        "Content-Length",
        "Date",
        "Server",
        "Authorization",
        "Content-MD5",
        "Expect",
        "Host",
        "Max-Forwards",
        "Proxy-Authenticate",
        "Trailer",
        "Upgrade",
        "User-Agent",
        "WWW-Authenticate",
    ];
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(pattern: Option<&str>, status: u16) -> IntegrationResponse {
        IntegrationResponse {
            selection_pattern: pattern.map(str::to_owned),
            status_code: status,
            response_templates: vec![("application/json".into(), "{}".into())],
            response_parameters: vec![("X-A".into(), "1".into()), ("Server".into(), "s".into())],
        }
    }

    fn status(code: Option<u16>, responses: Vec<IntegrationResponse>) -> Option<u16> {
        compile(&MockIntegration { status_code: code, responses }).unwrap().response.map(|r| r.status)
    }

    #[test]
    fn the_pattern_matches_the_whole_status() {
        let responses = || vec![response(Some("40"), 1), response(Some("4\\d{2}"), 404), response(None, 200)];
        assert_eq!(status(Some(400), responses()), Some(404));
        assert_eq!(status(Some(500), responses()), Some(200), "the default response");
        assert_eq!(status(None, responses()), Some(200));
        assert_eq!(status(Some(500), vec![response(Some("4.."), 404)]), None, "no match and no default");
    }

    #[test]
    fn reserved_headers_are_remapped() {
        let plan =
            compile(&MockIntegration { status_code: None, responses: vec![response(None, 200)] }).unwrap();
        let headers = plan.response.unwrap().headers;
        let text = String::from_utf8(headers.to_vec()).unwrap();
        assert_eq!(text, "X-A: 1\r\nx-amzn-Remapped-Server: s\r\n");
    }
}
