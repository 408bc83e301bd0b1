//! What a cache holds, as bytes that a later process reads: a file that one drain writes and the next start takes.
//!
//! `RINGWAYC`, the version, whose it is, when it was written; then records, each with a check sum, and a last one without a body that
//! says how many there were. Numbers are little-endian. What is damaged anywhere is not used at all.

use std::fmt;
use std::io::{self, Read, Write};

use flate2::Crc;

use super::{Cache, Entry, Lifetime, NewAnswer};
use crate::limits::{CACHE_KEY_BYTES_MAX, CACHE_TAGS_MAX, CACHED_BYTES_MAX};

const MAGIC: &[u8; 8] = b"RINGWAYC";
/// Changes with the form of the records and with what keys are made of.
const VERSION: u32 = 1;
/// Bytes of the header lines of a record, at most: what a response head may have and what the gateway adds.
const LINES_LONGEST: usize = 64 * 1024;
/// Bytes of the name of whom a file is for.
const OWNER_LONGEST: usize = 512;
/// Numbers of a record: lengths of key, lines, body and tags, status, age, and the three times.
const NUMBERS: usize = 9;

/// Why a file is not used.
#[derive(Debug)]
pub enum Damaged {
    /// It could not be read.
    Io(io::Error),
    /// It is not what a drain has written for this stage.
    Content(String),
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damaged::Io(error) => write!(f, "it cannot be read: {error}"),
            Damaged::Content(what) => f.write_str(what),
        }
    }
}

impl From<io::Error> for Damaged {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged("it ends early"),
            _ => Damaged::Io(error),
        }
    }
}

fn damaged(what: &str) -> Damaged {
    Damaged::Content(what.to_owned())
}

/// Writes what may still be used at `now`; `owner` says whose it is. Returns how many answers that are.
///
/// # Errors
/// Those of `out`.
pub fn dump(cache: &Cache, owner: &str, now: u64, unix_millis: u64, out: &mut dyn Write) -> io::Result<u64> {
    out.write_all(MAGIC)?;
    out.write_all(&VERSION.to_le_bytes())?;
    let mut head = unix_millis.to_le_bytes().to_vec();
    head.extend_from_slice(&(owner.len() as u64).to_le_bytes());
    head.extend_from_slice(owner.as_bytes());
    summed(&head, out)?;
    let mut count = 0u64;
    let mut record = Vec::new();
    for entry in cache.entries(now) {
        record.clear();
        encode(&entry, now, &mut record);
        summed(&record, out)?;
        count += 1;
    }
    let mut last = [0u64; NUMBERS];
    last[NUMBERS - 1] = count;
    record.clear();
    last.iter().for_each(|number| record.extend_from_slice(&number.to_le_bytes()));
    summed(&record, out)?;
    Ok(count)
}

fn encode(entry: &Entry, now: u64, out: &mut Vec<u8>) {
    let rest = entry.rest(now);
    let numbers: [u64; NUMBERS] = [
        entry.key().len() as u64,
        entry.lines().len() as u64,
        entry.body().len() as u64,
        entry.tags().len() as u64,
        u64::from(entry.status()),
        entry.age_nanos(now),
        rest.fresh,
        rest.while_revalidate,
        rest.if_error,
    ];
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
    entry.tags().iter().for_each(|tag| out.extend_from_slice(&tag.to_le_bytes()));
    for part in [entry.key(), entry.lines(), entry.body()] {
        out.extend_from_slice(part);
    }
}

fn summed(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let mut crc = Crc::new();
    crc.update(bytes);
    out.write_all(bytes)?;
    out.write_all(&crc.sum().to_le_bytes())
}

/// Puts what [`dump`] has written for `owner` into an empty cache, as far as it has room. Returns how many answers that are.
/// Where the wall clock went backwards meanwhile, answers are as old as when they were written.
///
/// # Errors
/// What is wrong with the bytes; the cache is empty then.
pub fn load(
    cache: &Cache,
    owner: &str,
    now: u64,
    unix_millis: u64,
    input: &mut dyn Read,
) -> Result<u64, Damaged> {
    let loaded = read(cache, owner, now, unix_millis, input);
    if loaded.is_err() {
        cache.flush();
    }
    loaded
}

fn read(
    cache: &Cache,
    owner: &str,
    now: u64,
    unix_millis: u64,
    input: &mut dyn Read,
) -> Result<u64, Damaged> {
    let mut magic = [0; 8];
    input.read_exact(&mut magic)?;
    let mut version = [0; 4];
    input.read_exact(&mut version)?;
    if magic != *MAGIC || u32::from_le_bytes(version) != VERSION {
        return Err(damaged("it is no file of a cache, or one of another version"));
    }
    let mut input = Summed { input, crc: Crc::new() };
    let [written, owner_len] = input.numbers()?;
    let written_for = input.bytes(length(owner_len, OWNER_LONGEST)?)?;
    input.check()?;
    if written_for != owner.as_bytes() {
        return Err(Damaged::Content(format!("it is of {}", String::from_utf8_lossy(&written_for))));
    }
    let elapsed = unix_millis.saturating_sub(written).saturating_mul(1_000_000);
    let (mut records, mut kept) = (0, 0);
    loop {
        let [key_len, lines_len, body_len, tags, status, age, fresh, while_revalidate, if_error] =
            input.numbers::<NUMBERS>()?;
        if key_len == 0 {
            input.check()?;
            return if if_error == records { Ok(kept) } else { Err(damaged("records are missing")) };
        }
        let tags = input.bytes(length(tags, CACHE_TAGS_MAX)? * size_of::<u16>())?;
        let tags: Vec<u16> = tags.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
        let key = input.bytes(length(key_len, CACHE_KEY_BYTES_MAX)?)?;
        let lines = input.bytes(length(lines_len, LINES_LONGEST)?)?;
        let body = input.bytes(length(body_len, CACHED_BYTES_MAX)?)?;
        input.check()?;
        records += 1;
        let status = u16::try_from(status).ok().filter(|status| (200..600).contains(status));
        let status = status.ok_or_else(|| damaged("a status is none"))?;
        if tags.iter().any(|tag| !cache.has_slot(*tag)) {
            return Err(damaged("a tag is none"));
        }
        let over = elapsed.saturating_sub(fresh);
        let lifetime = Lifetime {
            fresh: fresh.saturating_sub(elapsed),
            while_revalidate: while_revalidate.saturating_sub(over),
            if_error: if_error.saturating_sub(over),
        };
        let answer =
            NewAnswer { status, lines: &lines, body: &body, age: age.saturating_add(elapsed), tags: &tags };
        if lifetime != Lifetime::default() && cache.has_room_for(&key, &answer) {
            let hash = cache.hash(&key);
            kept += u64::from(cache.insert(cache.ticket(hash, now), &key, &answer, lifetime));
        }
    }
}

fn length(number: u64, most: usize) -> Result<usize, Damaged> {
    usize::try_from(number).ok().filter(|len| *len <= most).ok_or_else(|| damaged("a length is too large"))
}

/// Reads what a check sum follows.
struct Summed<'i> {
    input: &'i mut dyn Read,
    crc: Crc,
}

impl Summed<'_> {
    fn bytes(&mut self, len: usize) -> Result<Vec<u8>, Damaged> {
        let mut bytes = vec![0; len];
        self.input.read_exact(&mut bytes)?;
        self.crc.update(&bytes);
        Ok(bytes)
    }

    fn numbers<const N: usize>(&mut self) -> Result<[u64; N], Damaged> {
        let bytes = self.bytes(N * size_of::<u64>())?;
        let mut numbers = [0; N];
        for (number, bytes) in numbers.iter_mut().zip(bytes.chunks_exact(size_of::<u64>())) {
            *number = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        }
        Ok(numbers)
    }

    fn check(&mut self) -> Result<(), Damaged> {
        let mut sum = [0; 4];
        self.input.read_exact(&mut sum)?;
        let expected = std::mem::take(&mut self.crc).sum();
        match u32::from_le_bytes(sum) == expected {
            true => Ok(()),
            false => Err(damaged("a check sum does not match")),
        }
    }
}
