//! The answer about a presented key: `VALID`, or one reason why not.

/// The answer about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// The key is valid for what was asked.
    Valid,
    /// Not a secret: wrong shape or checksum.
    Malformed,
    /// The text names another environment.
    WrongEnvironment,
    /// No such secret here.
    NotFound,
    /// Its organization or customer is suspended.
    Suspended,
    /// Revoked, deleted, or the secret retired.
    Revoked,
    /// Before its start.
    NotYetValid,
    /// At or after its end.
    Expired,
    /// The address, domain or customer is not allowed.
    Forbidden,
    /// A needed permission is missing.
    InsufficientPermissions,
    /// A rate limit is used up.
    RateLimited,
    /// The credits are used up.
    UsageExceeded,
}

impl Verdict {
    /// All of them, in the order of the checks.
    pub const ALL: [Self; 12] = [
        Self::Valid,
        Self::Malformed,
        Self::WrongEnvironment,
        Self::NotFound,
        Self::Suspended,
        Self::Revoked,
        Self::NotYetValid,
        Self::Expired,
        Self::Forbidden,
        Self::InsufficientPermissions,
        Self::RateLimited,
        Self::UsageExceeded,
    ];

    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::Malformed => "MALFORMED",
            Self::WrongEnvironment => "WRONG_ENVIRONMENT",
            Self::NotFound => "NOT_FOUND",
            Self::Suspended => "SUSPENDED",
            Self::Revoked => "REVOKED",
            Self::NotYetValid => "NOT_YET_VALID",
            Self::Expired => "EXPIRED",
            Self::Forbidden => "FORBIDDEN",
            Self::InsufficientPermissions => "INSUFFICIENT_PERMISSIONS",
            Self::RateLimited => "RATE_LIMITED",
            Self::UsageExceeded => "USAGE_EXCEEDED",
        }
    }
}

/// The reason behind a verdict, told only once the secret is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The client's address is outside the rule, or was not given.
    IpNotAllowed,
    /// The domain is outside the rule, or was not given.
    DomainNotAllowed,
    /// The customer is outside the rule, unknown, or was not given.
    CustomerNotAllowed,
    /// The organization is suspended.
    OrganizationSuspended,
    /// The customer is suspended.
    CustomerSuspended,
    /// The key was revoked.
    KeyRevoked,
    /// The secret was retired, or its overlap ended.
    SecretRetired,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::IpNotAllowed,
        Self::DomainNotAllowed,
        Self::CustomerNotAllowed,
        Self::OrganizationSuspended,
        Self::CustomerSuspended,
        Self::KeyRevoked,
        Self::SecretRetired,
    ];

    /// The text on the wire.
    pub const fn text(self) -> &'static str {
        match self {
            Self::IpNotAllowed => "IP_NOT_ALLOWED",
            Self::DomainNotAllowed => "DOMAIN_NOT_ALLOWED",
            Self::CustomerNotAllowed => "CUSTOMER_NOT_ALLOWED",
            Self::OrganizationSuspended => "ORGANIZATION_SUSPENDED",
            Self::CustomerSuspended => "CUSTOMER_SUSPENDED",
            Self::KeyRevoked => "KEY_REVOKED",
            Self::SecretRetired => "SECRET_RETIRED",
        }
    }
}
