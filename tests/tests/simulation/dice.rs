//! Draws requests and their scripts.

use ringway_core::model::HttpMethod;
use ringway_ring::sim::Rng;

use crate::conditions::{Conditions, MS, Temper, pick};
use crate::corpus;
use crate::request::{Act, After, Framing, Pace, Request, Route, Script, Upload};

const ROUTES: [Route; 18] = [
    Route::Any,
    Route::Any,
    Route::Any,
    Route::Item,
    Route::Item,
    Route::File,
    Route::File,
    Route::Fast,
    Route::Fast,
    Route::Pool,
    Route::Pool,
    Route::AsGet,
    Route::AsPost,
    Route::AsHead,
    Route::Mock,
    Route::Limited,
    Route::Limited,
    Route::Unknown,
];

const VERBS: [HttpMethod; 16] = [
    HttpMethod::Get,
    HttpMethod::Get,
    HttpMethod::Get,
    HttpMethod::Get,
    HttpMethod::Get,
    HttpMethod::Get,
    HttpMethod::Post,
    HttpMethod::Post,
    HttpMethod::Post,
    HttpMethod::Post,
    HttpMethod::Put,
    HttpMethod::Put,
    HttpMethod::Patch,
    HttpMethod::Delete,
    HttpMethod::Head,
    HttpMethod::Options,
];

/// A request with its script.
pub(crate) fn request(rng: &Rng, conditions: &Conditions, id: usize) -> Request {
    let http10 = rng.chance(0.08);
    let verb = pick(rng, &VERBS);
    let upload = upload(rng, conditions, verb, http10);
    let mut request = Request {
        id,
        route: if rng.chance(0.03) { Route::Nowhere } else { pick(rng, &ROUTES) },
        verb,
        overriding: rng.chance(0.06).then(|| pick(rng, &VERBS)),
        http10,
        keeps: rng.chance(0.9),
        upload,
        expects_continue: !http10 && !matches!(upload, Upload::None | Upload::Length(0)) && rng.chance(0.15),
        pace: pace(rng, 8),
        script: Script {
            act: Act::Answer,
            delay: if rng.chance(0.5) { rng.magnitude(1, 20 * MS) } else { 0 },
            status: pick(rng, &[200, 200, 200, 200, 200, 201, 404, 500, 503, 204, 304]),
            length: answer_len(rng, conditions),
            framing: pick(rng, &[Framing::Length, Framing::Length, Framing::Chunked, Framing::UntilClose]),
            pace: pace(rng, 12),
            interim: interim(rng),
            hint: rng.magnitude(1, 6000) as usize,
            after: After::Keep,
        },
    };
    request.script.act = act(rng, conditions, &request);
    if request.script.act == Act::Early(false) && request.script.framing == Framing::UntilClose {
        // Closed with unread bytes, the connection is reset, which is no end of such a body.
        request.script.framing = Framing::Chunked;
    }
    request.script.after = after(rng, conditions, &request);
    if conditions.temper != Temper::Kind && request.script.act == Act::Answer && rng.chance(0.06) {
        request.script.delay = 2 * conditions.timeout_of(request.route);
    }
    request
}

/// A request that is no more than asked for: for batches and for the time after a trial.
pub(crate) fn plain_request(rng: &Rng, conditions: &Conditions, id: usize) -> Request {
    let mut request = request(rng, conditions, id);
    request.upload = Upload::None;
    request.expects_continue = false;
    request.http10 = false;
    request.keeps = true;
    if matches!(request.script.act, Act::Echo | Act::Early(_)) {
        request.script.act = Act::Answer;
    }
    request
}

/// A request whose body breaks its framing after some good chunks.
pub(crate) fn faulty_upload(rng: &Rng, conditions: &Conditions, id: usize) -> Request {
    let mut request = plain_request(rng, conditions, id);
    request.verb = pick(rng, &[HttpMethod::Post, HttpMethod::Put]);
    request.overriding = None;
    request.upload = Upload::Faulty(rng.between(1, 500) as usize, rng.between(1, 100) as usize);
    request.pace = pace(rng, 6);
    request.script.act = Act::Answer;
    request
}

/// A body larger than the gateway takes.
pub(crate) fn too_large(rng: &Rng, conditions: &Conditions, id: usize) -> Request {
    let mut request = plain_request(rng, conditions, id);
    let len = conditions.settings.body_bytes_max as usize + rng.between(1, 3000) as usize;
    request.verb = HttpMethod::Post;
    request.overriding = None;
    request.upload = if rng.chance(0.5) {
        Upload::Length(len)
    } else {
        Upload::Chunked(len, rng.between(2000, 9000) as usize)
    };
    request.script.act = Act::Answer;
    request.script.delay = 0;
    request
}

fn pace(rng: &Rng, pieces: u64) -> Pace {
    match rng.below(3) {
        0 => Pace { pieces: rng.between(1, pieces) as usize, pause: rng.magnitude(1, 3 * MS) },
        1 => Pace { pieces: rng.between(1, pieces) as usize, pause: 0 },
        _ => Pace::WHOLE,
    }
}

fn upload(rng: &Rng, conditions: &Conditions, verb: HttpMethod, http10: bool) -> Upload {
    let likely = match verb {
        HttpMethod::Post | HttpMethod::Put | HttpMethod::Patch => 0.8,
        HttpMethod::Get | HttpMethod::Delete => 0.05,
        _ => 0.0,
    };
    if !rng.chance(likely) {
        return Upload::None;
    }
    let most = if rng.chance(0.1) && conditions.faults.send_buffer > 4096 { 90_000 } else { 3_000 };
    let len = rng.magnitude(1, most) as usize;
    if http10 || rng.chance(0.5) {
        Upload::Length(if rng.chance(0.05) { 0 } else { len })
    } else {
        Upload::Chunked(len, rng.magnitude(1.max(len as u64 / 200), 8000) as usize)
    }
}

fn answer_len(rng: &Rng, conditions: &Conditions) -> usize {
    let most = if rng.chance(0.1) && conditions.faults.send_buffer > 4096 { 150_000 } else { 7_000 };
    if rng.chance(0.05) { 0 } else { rng.magnitude(1, most) as usize }
}

fn interim(rng: &Rng) -> Vec<u16> {
    let count = if rng.chance(0.1) { rng.between(1, 3) } else { 0 };
    (0..count).map(|_| pick(rng, &[100, 102, 103])).collect()
}

fn act(rng: &Rng, conditions: &Conditions, request: &Request) -> Act {
    let upload = request.upload_len() > 0;
    if upload && rng.chance(0.15) {
        return Act::Early(rng.chance(0.5));
    }
    let echoes =
        request.answer_has_body() && matches!(request.upload, Upload::Length(_) | Upload::Chunked(..));
    if upload && echoes && rng.chance(0.3) {
        return Act::Echo;
    }
    if conditions.temper == Temper::Kind || !rng.chance(0.25) {
        return Act::Answer;
    }
    let body = request.answer_has_body() && request.script.length > 1;
    match rng.below(6) {
        0 | 1 => Act::CloseOnce,
        2 => Act::Never,
        3 if body => Act::CutShort,
        4 if body => Act::Stall,
        5 if request.verb != HttpMethod::Head && request.sent_verb() != HttpMethod::Head => {
            Act::Nonsense(rng.below(corpus::bad_responses().len() as u64) as usize)
        }
        _ => Act::CloseOnce,
    }
}

fn after(rng: &Rng, conditions: &Conditions, request: &Request) -> After {
    if request.script.framing == Framing::UntilClose && request.answer_has_body() {
        return After::SaysClose;
    }
    let soon = |rng: &Rng| if rng.chance(0.5) { 0 } else { rng.magnitude(1, 50 * MS) };
    match rng.below(10) {
        0 => After::SaysClose,
        1 | 2 if conditions.stale => After::Closes(soon(rng)),
        3 if conditions.garbage => After::Garbage(soon(rng)),
        _ => After::Keep,
    }
}
