//! Memory that is needed soon.

/// Has the line of `place` fetched into the processor's caches while the core goes on. Nothing waits for it, and nothing changes if it is
/// not needed after all. A processor that this knows no instruction of does nothing.
#[inline]
pub fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: it reads nothing that the program sees and may be given any address; this one is that of something.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
