//! CPUs of this process and pinning threads to them.

use std::io;

/// The CPUs that this process may run on, in order.
pub fn available_cpus() -> Vec<usize> {
    // SAFETY: an all-zero cpu_set_t is an empty set; the call fills it up to the size given.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) != 0 {
            return vec![0];
        }
        set
    };
    // SAFETY: CPU_ISSET reads a bit of a live set; the index is below CPU_SETSIZE.
    (0..libc::CPU_SETSIZE as usize).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) }).collect()
}

/// Pins the calling thread to a CPU.
pub fn pin_to(cpu: usize) -> io::Result<()> {
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("there is no CPU {cpu}")));
    }
    // SAFETY: an all-zero cpu_set_t is an empty set, and the index is below CPU_SETSIZE; 0 means the calling thread.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_can_be_pinned_to_any_available_cpu() {
        for cpu in available_cpus() {
            std::thread::spawn(move || {
                pin_to(cpu).unwrap();
                assert_eq!(available_cpus(), [cpu]);
            })
            .join()
            .unwrap();
        }
        assert!(pin_to(usize::MAX).is_err());
    }
}
