//! The key store, the audit trail and the verifier, on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

/// Makes two tests of each case, which is an asynchronous function of a [`stores::TestStore`].
macro_rules! on_both_stores {
    ($($case:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(crate::stores::TestStore::sqlite().await).await;
                }
            )+
        }

        mod on_postgres {
            $(
                #[tokio::test]
                async fn $case() {
                    if let Some(store) = crate::stores::TestStore::postgres().await {
                        super::$case(store).await;
                    }
                }
            )+
        }
    };
}

mod audit;
mod keys;
mod open;
mod stores;
mod verifier;
