//! Header rules of HTTP_PROXY (tables.md §3.1, §3.3, §3.4): what the backend receives, what the client receives.

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::gateway::Setup;
use crate::support::on_each_driver;

on_each_driver!(
    request_headers_follow_the_recordings,
    request_headers_are_added,
    response_headers_follow_the_recordings,
    gateway_answers_carry_ids_and_types,
    the_method_and_the_request_id_can_be_overridden,
);

fn is_uuid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

fn request_headers_follow_the_recordings(driver: &'static str) {
    let backend = Backend::saying("ok");
    let gateway = Setup::new(driver, backend.address).start();
    let pass = [
        ("Accept", "text/html, */*;q=0.1"),
        ("Accept-Charset", "utf-8"),
        ("Accept-Encoding", "gzip, br"),
        ("Age", "1"),
        ("Authorization", "Bearer abc"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Cookie", "a=b; c=d"),
        ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("Pragma", "no-cache"),
        ("Range", "bytes=0-9"),
        ("Referer", "http://example.com/"),
        ("User-Agent", "test/1.0 (\"quoted\")"),
        ("Warn", "x"),
        ("x-own", ""),
        ("X-Own-2", "caf\u{e9}"),
    ];
    let dropped = [
        // Any other coding is undone, and these bytes are in none.
        ("Content-Encoding", "identity"),
        ("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
        ("Expect", "100-continue"),
        ("Keep-Alive", "timeout=5"),
        ("Max-Forwards", "3"),
        ("Proxy-Authenticate", "Basic"),
        ("Proxy-Connection", "keep-alive"),
        ("Server", "me"),
        ("TE", "trailers"),
        ("Trailer", "X-T"),
        ("Upgrade", "h2c"),
        ("Via", "1.1 x"),
        ("WWW-Authenticate", "Basic"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("X-Forwarded-Port", "1"),
        ("X-Forwarded-Proto", "gopher"),
        // Named by Connection.
        ("X-Hop", "1"),
    ];
    let mut head = b"POST /h HTTP/1.1\r\nHost: api.example\r\nConnection: x-hop, keep-alive\r\n".to_vec();
    for (name, value) in pass.iter().chain(&dropped) {
        head.extend_from_slice(format!("{name}: ").as_bytes());
        head.extend(value.chars().map(|c| c as u8));
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"Content-Length: 2\r\n\r\nhi");
    let mut client = Client::connect(gateway.listen);
    client.send(&head);
    assert_eq!(client.answer("POST").status, 200);
    let request = backend.only_request();
    for (name, value) in pass {
        assert_eq!(request.head.get(name), Some(value), "{name} passes as it was sent");
    }
    for (name, _) in dropped {
        assert_eq!(request.head.get(name), None, "{name} does not pass");
    }
    assert_eq!(request.head.get("Connection"), None);
    assert_eq!(request.head.get("Host"), Some(backend.address.to_string().as_str()));
    assert_eq!((request.head.get("Content-Length"), request.body.as_slice()), (Some("2"), &b"hi"[..]));

    client.send(
        "GET /signed HTTP/1.1\r\nHost: a\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/execute-api/aws4_request\r\n\r\n",
    );
    assert_eq!(client.answer("GET").status, 200);
    assert_eq!(backend.requests()[1].head.get("Authorization"), None, "a signature is not for the backend");
}

fn request_headers_are_added(driver: &'static str) {
    let backend = Backend::saying("ok");
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    client.get("/added");
    let own_root = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
    client.ask("GET", "/added", &format!("X-Amzn-Trace-Id: {own_root}\r\n"), b"");
    client.ask("GET", "/added", "X-Amzn-Trace-Id: Self=x\r\nX-Amzn-Apigateway-Api-Id: forged\r\n", b"");
    let requests = backend.requests();
    assert_eq!(requests[0].head.get("User-Agent"), Some("AmazonAPIGateway_itest00001"));
    for request in &requests {
        assert_eq!(request.head.get("X-Amzn-Apigateway-Api-Id"), Some("itest00001"));
    }
    let root = |value: &str| {
        let groups: Vec<&str> = value.strip_prefix("Root=").unwrap().split('-').collect();
        assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [1, 8, 24], "{value}");
        assert!(groups[0] == "1" && groups[1..].concat().chars().all(|c| c.is_ascii_hexdigit()), "{value}");
    };
    root(requests[0].head.get("X-Amzn-Trace-Id").unwrap());
    assert_eq!(requests[1].head.get("X-Amzn-Trace-Id"), Some(own_root));
    let mixed = requests[2].head.get("X-Amzn-Trace-Id").unwrap();
    let (made, own) = mixed.split_once(';').unwrap();
    root(made);
    assert_eq!(own, "Self=x");
}

fn response_headers_follow_the_recordings(driver: &'static str) {
    let own = [
        ("Accept", "text/html"),
        ("Age", "1"),
        ("Authorization", "x"),
        ("Cache-Control", "no-store"),
        ("Content-MD5", "x"),
        ("Content-Type", "text/csv"),
        ("Host", "h"),
        ("Max-Forwards", "1"),
        ("Pragma", "p"),
        ("Range", "r"),
        ("Referer", "r"),
        ("User-Agent", "u"),
        ("Warn", "w"),
        ("WWW-Authenticate", "Basic"),
        ("X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793"),
        ("x-backend", "b"),
    ];
    let remapped = [
        ("Connection", "x-hop"),
        ("Content-Length", "2"),
        ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("Server", "backend/1"),
        ("x-amzn-RequestId", "3c2f4d0e-0000-0000-0000-000000000000"),
    ];
    let dropped =
        [("Content-Encoding", "gzip"), ("Keep-Alive", "timeout=5"), ("Via", "1.1 x"), ("X-Hop", "1")];
    let backend = Backend::answering(move |request| {
        let mut out = "HTTP/1.1 207 Whatever It Says\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n".to_owned();
        if request.target == "/h" {
            for (name, value) in own.iter().chain(&remapped).chain(&dropped) {
                out += &format!("{name}: {value}\r\n");
            }
            (out + "\r\nok").into_bytes()
        } else {
            (out + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n").into_bytes()
        }
    });
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    let answer = client.get("/h");
    assert_eq!((answer.status, answer.text().as_str()), (207, "ok"));
    for (name, value) in own {
        assert_eq!(answer.head.get(name), Some(value), "{name}");
    }
    for (name, value) in remapped {
        assert_eq!(answer.head.get(&format!("x-amzn-Remapped-{name}")), Some(value), "{name}");
    }
    for (name, _) in dropped {
        assert_eq!(answer.head.get(name), None, "{name}");
    }
    assert_eq!(answer.head.all("Set-Cookie"), ["a=1", "b=2"]);
    assert_eq!(answer.head.get("Content-Length"), Some("2"));
    assert_eq!(answer.head.get("Connection"), None, "the backend's connection is not the client's");
    assert_eq!(answer.head.get("Server"), None);
    assert_ne!(answer.head.get("Date"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert!(answer.head.get("Date").unwrap().ends_with(" GMT"));
    let id = answer.head.get("x-amzn-RequestId").unwrap();
    assert!(is_uuid(id) && !id.starts_with("3c2f4d0e"), "{id}");
    assert_eq!(answer.head.get("x-amz-apigw-id").unwrap().len(), 16);

    let plain = client.get("/chunked");
    assert_eq!(plain.text(), "ok");
    assert_eq!(plain.head.get("Content-Type"), Some("application/json"), "tables.md §3.4");
    assert_eq!(plain.head.get("Transfer-Encoding"), Some("chunked"));
    assert_eq!(plain.head.get("x-amzn-Remapped-Content-Length"), None);
    assert_ne!(plain.head.get("x-amzn-RequestId"), Some(id), "each request has its own");
}

fn gateway_answers_carry_ids_and_types(driver: &'static str) {
    let backend = Backend::start(|_| {});
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    let failed = client.ask("POST", "/closed", "", b"x");
    let told = (failed.status, failed.head.get("x-amzn-ErrorType"), failed.text());
    let message = r#"{"message":"Network error communicating with endpoint"}"#.to_owned();
    assert_eq!(told, (504, Some("InternalServerErrorException"), message));
    let missing = client.ask("DELETE", "/mock", "", b"");
    assert_eq!(missing.head.get("x-amzn-ErrorType"), Some("MissingAuthenticationTokenException"));
    for answer in [failed, missing] {
        assert_eq!(answer.head.get("Content-Type"), Some("application/json"));
        assert!(is_uuid(answer.head.get("x-amzn-RequestId").unwrap()));
        assert_eq!(answer.head.get("x-amz-apigw-id").unwrap().len(), 16);
        assert!(answer.head.get("Date").is_some());
        assert_eq!(answer.head.get("X-Amzn-Trace-Id"), None, "tables.md §3.4: not on errors");
    }
}

fn the_method_and_the_request_id_can_be_overridden(driver: &'static str) {
    let backend =
        Backend::answering(|request| crate::support::backend::answer(200, request.method.as_bytes()));
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    let id = "12345678-9abc-4def-8123-456789abcdef";
    let headers = format!("X-HTTP-Method-Override: PATCH\r\nx-amzn-RequestId: {id}\r\n");
    let overridden = client.ask("POST", "/o", &headers, b"x");
    assert_eq!(overridden.text(), "PATCH", "tables.md §3.4");
    assert_eq!(overridden.head.get("x-amzn-RequestId"), Some(id));
    let refused = client.ask("GET", "/o", "x-amzn-RequestId: not-a-uuid\r\n", b"");
    assert!(is_uuid(refused.head.get("x-amzn-RequestId").unwrap()));
}
