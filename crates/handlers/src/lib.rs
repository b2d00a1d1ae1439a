//! What makes and reads the bytes: handlers, one folder each, and the pipeline that they share. No policy
//! here: which backup is made when, what counts as proof and what is kept is for `backup-core` to say.

#[expect(clippy::indexing_slicing, reason = "offsets are computed from the lengths beside them")]
mod pipeline;
mod prisma_local;
mod process;
mod tools;

pub use prisma_local::PrismaLocal;
pub use process::{Supervision, supervise};
