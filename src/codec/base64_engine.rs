//! The implementation of base64.

pub(super) use implementation::BASE64;

/// Uses SIMD on the architectures for which `base64` implements it.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod implementation {
    use std::sync::LazyLock;

    use base64::engine::Simd;
    use base64::engine::general_purpose::PAD;

    pub(in super::super) static BASE64: LazyLock<Simd> = LazyLock::new(|| Simd::standard(PAD));
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod implementation {
    pub(in super::super) use base64::engine::general_purpose::STANDARD as BASE64;
}
