//! Lines of the access log in both presets.

use std::hint::black_box;

use ringway_core::telemetry::access_log::{self, LogRecord, PRESET_CLF, PRESET_JSON};

use super::{Prepared, Row};

pub(super) const FUNCTIONS: &[Row] =
    &[("access_log/json", 2048, || line(PRESET_JSON)), ("access_log/clf", 2048, || line(PRESET_CLF))];

fn line(format: &str) -> Prepared {
    let format = access_log::compile(format).expect("a preset");
    let record = record();
    let mut out = Vec::with_capacity(4096);
    access_log::encode(&format, &record, &mut out);
    Prepared::new(out.len(), move || {
        out.clear();
        access_log::encode(&format, black_box(&record), &mut out);
        out.len()
    })
}

fn record() -> LogRecord<'static> {
    LogRecord {
        request_id: b"6f1d3f2e-0c2a-4d2f-9d0b-0123456789ab",
        extended_request_id: b"ABCDEFGHIJKLMNA=",
        source_ip: b"192.0.2.7",
        user_agent: Some(b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
        request_time: b"19/Jan/2023:21:13:26 +0000",
        request_time_epoch: 1_674_162_806_123,
        http_method: b"GET",
        resource_path: Some("/pets/{petId}"),
        resource_id: Some("abc123"),
        path: b"/dev/pets/42",
        protocol: "HTTP/1.1",
        status: 200,
        response_length: 128,
        response_latency: 3,
        integration_latency: Some(2),
        integration_status: Some(200),
        integration_error: None,
        api_id: Some("petstore01"),
        stage: Some("dev"),
        deployment_id: Some("d1"),
        domain_name: b"api.example.com",
        account_id: "123456789012",
        api_key: None,
        cache_status: "-",
        error_message: None,
        error_response_type: None,
        validation_error: None,
        is_canary: false,
    }
}
