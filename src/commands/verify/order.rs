//! **Job:** an order in the auditor's own books.
//! **Owns:** where it can stand.
//! **Never:** knows which steps there are.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderState {
    Pending,
    Paid,
    Released,
    RefundDue,
    Refunded,
}

/// An order, as a row of the view should tell it.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) user: String,
    pub(super) quantity: i64,
    pub(super) unit_price: i64,
    pub(super) placed_at: i64,
    /// The last step it took, in the words of the contract.
    pub(super) status: &'static str,
    pub(super) standing: OrderState,
}
