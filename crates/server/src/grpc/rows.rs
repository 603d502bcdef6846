//! Rows of bulk replies.

/// Puts rows that the worker did not get into their places among those that it answered, so that all stand in the
/// order of the command. `others` come by their position in it, which goes up.
pub(super) fn merged<R>(answered: Vec<R>, others: impl ExactSizeIterator<Item = (usize, R)>) -> Vec<R> {
    let mut all = Vec::with_capacity(answered.len() + others.len());
    let mut answered = answered.into_iter();
    for (position, row) in others {
        while all.len() < position
            && let Some(row) = answered.next()
        {
            all.push(row);
        }
        all.push(row);
    }
    all.extend(answered);
    all
}
