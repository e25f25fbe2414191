//! The people who send requests to a tenant: by the token that a request brings, the log says who it was.

/// Somebody with a token of his own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// The id of the user whose token it is.
    pub id: String,
    /// The login.
    pub login: String,
    /// The name for people.
    pub name: String,
    /// From which address he comes.
    pub address: String,
    /// The id of the token, which is not the token.
    pub token: String,
}
