//! **Job:** shows the owner of the sale what is on record about payments, and takes their word that one went back.
//! **Owns:** the routes, and the names of payments.
//! **Never:** sends money: whoever says "refunded" has done it at the provider.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use doorbuster_actors::ids::OrderId;
use doorbuster_actors::item::MAX_AMOUNT;
use doorbuster_actors::payment::{Origin, Provider, Verdict};
use doorbuster_actors::request::{Reason, Rejection, Repayment};
use doorbuster_actors::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::OpsState;
use super::feed::unread;
use super::operator::{self, Because};
use super::paging::{parsed, query, size};
use crate::feed::Feed;
use crate::feed::records::{Debt, PaymentFilter, PaymentRow, PaymentStatus};
use crate::http::json::respond;
use crate::http::problem::Problem;
use crate::http::sale_client::SaleClient;
use crate::http::schemas;

/// What is needed to look up payments and to settle them.
pub struct Payments {
    /// Who carries the settlements.
    pub client: SaleClient,
    /// Who reads the ledger.
    pub feed: Arc<Feed>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// The last payment of the page before.
    #[param(value_type = Option<schemas::PaymentId>, inline)]
    after: Option<String>,
    /// Most payments in the answer.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1_000, default = 100)]
    limit: Option<String>,
    /// `owed`: something has to go back now; `settled`: something had to, and did; `all`: whatever is on record, events
    /// that paid an order included.
    #[param(value_type = Option<String>, default = "owed", pattern = "^(owed|settled|all)$")]
    status: Option<String>,
    /// Only events that meant this.
    #[param(value_type = Option<schemas::PaymentVerdict>, inline)]
    verdict: Option<String>,
    /// Only payments for orders of this item.
    #[param(value_type = Option<schemas::ItemId>, inline)]
    item_id: Option<String>,
    /// Only payments for this order.
    #[param(value_type = Option<schemas::OrderId>, inline)]
    order_id: Option<String>,
}

/// A payment on record.
#[derive(Serialize, ToSchema)]
#[schema(as = Payment)]
struct PaymentView {
    #[schema(value_type = schemas::PaymentId)]
    payment_id: String,
    /// The order it was for; null: none is known.
    #[schema(value_type = Option<schemas::OrderId>, required = true)]
    order_id: Option<String>,
    /// The order as the provider called it, where none is known.
    #[schema(required = true)]
    order_reference: Option<String>,
    #[schema(value_type = Option<schemas::ItemId>, required = true)]
    item_id: Option<String>,
    #[schema(value_type = Option<schemas::UserId>, required = true)]
    user_id: Option<String>,
    /// Who reported it; null: an operator cancelled a paid order, whose price is owed.
    #[schema(value_type = Option<schemas::Provider>, required = true)]
    provider: Option<String>,
    /// The provider's id of the event.
    #[schema(required = true)]
    event_id: Option<String>,
    /// The provider's id of the money.
    #[schema(required = true)]
    payment_reference: Option<String>,
    #[schema(value_type = schemas::PaymentVerdict)]
    verdict: String,
    /// How much came.
    #[schema(value_type = schemas::Amount)]
    amount: i64,
    #[schema(value_type = schemas::Currency)]
    currency: String,
    /// How much of it has to go back now.
    #[schema(value_type = schemas::Amount)]
    owed: i64,
    /// When it was recorded.
    #[schema(value_type = schemas::Time)]
    at: Timestamp,
}

/// What has to go back in one currency.
#[derive(Serialize, ToSchema)]
struct Total {
    #[schema(value_type = schemas::Amount)]
    amount: i64,
    #[schema(value_type = schemas::Currency)]
    currency: String,
}

/// A page of payments, the oldest first.
#[derive(Serialize, ToSchema)]
struct PaymentsPage {
    payments: Vec<PaymentView>,
    /// The `after` of the next page; null: this was the last.
    #[schema(value_type = Option<schemas::PaymentId>, required = true)]
    next: Option<String>,
    /// What has to go back in all, whatever page it is on.
    owed: Vec<Total>,
}

/// Payments, page by page: what has to go back now, or whatever is on record.
///
/// Everything is listed that was on record when the question came.
#[utoipa::path(get, path = "/v1/admin/payments", operation_id = "page_payments", tag = "owner", params(Filter),
    responses((status = 200, description = "A page of payments.", body = PaymentsPage)))]
pub(super) async fn page(state: web::ThinData<OpsState>, request: HttpRequest) -> HttpResponse {
    let page = async {
        state.authorize(&request)?;
        state.payments.page(&query(&request)?).await
    };
    page.await.unwrap_or_else(|problem| problem.respond())
}

/// Takes the operator's word that what is owed of a payment went back.
///
/// Send the money first, at the payment provider: nothing is sent from here. The same again changes nothing.
#[utoipa::path(post, path = "/v1/admin/payments/{payment_id}/refunded", operation_id = "settle_payment", tag = "owner",
    params(("payment_id" = inline(schemas::PaymentId), Path), schemas::OperatorHeader),
    request_body = Option<Because>,
    responses((status = 200, description = "The payment, of which nothing is owed any more.", body = PaymentView)))]
pub(super) async fn refunded(state: web::ThinData<OpsState>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let refunded = async {
        state.authorize(&request)?;
        let id = request.match_info().get("payment_id").unwrap_or_default();
        let seq = seq_of(id).ok_or_else(Problem::not_found)?;
        let payment = state.payments.find(seq).await?;
        let origin = operator::origin_of(&request, payload).await?.unwrap_or_default();
        state.payments.settle(payment, *origin).await
    };
    refunded.await.unwrap_or_else(|problem| problem.respond())
}

/// The name of the payment of an entry.
fn id_of(seq: i64) -> String {
    format!("P{seq:09}")
}

/// The entry of a payment; none if it is no name of one.
fn seq_of(id: &str) -> Option<i64> {
    id.strip_prefix('P')?.parse().ok().filter(|seq| id_of(*seq) == id)
}

impl Filter {
    fn checked(&self) -> Result<(PaymentFilter, i64, usize), Problem> {
        let no_payment = || Problem::invalid("after", "must be the id of a payment");
        let after = self.after.as_deref().map_or(Some(0), seq_of).ok_or_else(no_payment)?;
        let order: Option<OrderId> = parsed(self.order_id.as_deref(), "order_id", "must be the id of an order")?;
        let status = match self.status.as_deref() {
            None | Some("owed") => PaymentStatus::Owed,
            Some("settled") => PaymentStatus::Settled,
            Some("all") => PaymentStatus::All,
            Some(_) => return Err(Problem::invalid("status", "must be owed, settled or all")),
        };
        let verdict = self.verdict.as_deref().map(|name| Verdict::named(name).ok_or(())).transpose();
        let verdict = verdict.map_err(|()| {
            let known: Vec<_> = Verdict::ALL.iter().map(|verdict| verdict.as_str()).collect();
            Problem::invalid("verdict", format!("must be one of {}", known.join(", ")))
        })?;
        Ok((PaymentFilter { status, verdict, item: None, order }, after, size(self.limit.as_deref())?))
    }
}

impl Payments {
    async fn page(&self, filter: &Filter) -> Result<HttpResponse, Problem> {
        let (mut wanted, after, limit) = filter.checked()?;
        let empty = PaymentsPage { payments: Vec::new(), next: None, owed: Vec::new() };
        if let Some(item) = parsed(filter.item_id.as_deref(), "item_id", "must be the id of an item")? {
            let Some(published) = self.client.view().directory.find(&item) else {
                return Ok(respond(&mut HttpResponse::Ok(), &empty));
            };
            wanted.item = Some(published.number);
        }
        let page = self.feed.payments(wanted, after, limit).await.map_err(unread)?;
        let next = page.payments.last().filter(|_| page.payments.len() == limit).map(|payment| id_of(payment.seq));
        let payments = page.payments.into_iter().map(PaymentView::of).collect();
        Ok(respond(&mut HttpResponse::Ok(), &PaymentsPage { payments, next, owed: totals(page.owed) }))
    }

    async fn find(&self, seq: i64) -> Result<PaymentRow, Problem> {
        self.feed.payment(seq).await.map_err(unread)?.ok_or_else(Problem::not_found)
    }

    async fn settle(&self, payment: PaymentRow, origin: Origin) -> Result<HttpResponse, Problem> {
        if payment.due == 0 {
            return Err(Rejection::NothingOwed.into());
        }
        if payment.owed == 0 {
            return Ok(respond(&mut HttpResponse::Ok(), &PaymentView::of(payment)));
        }
        let repayment = Repayment { payment: reference_of(&payment)?, origin };
        self.client.repay(payment.order, repayment).await?;
        let payment = self.find(payment.seq).await?;
        Ok(respond(&mut HttpResponse::Ok(), &PaymentView::of(payment)))
    }
}

/// What the order's account knows the debt by.
fn reference_of(payment: &PaymentRow) -> Result<Option<(Provider, doorbuster_actors::ids::IdempotencyKey)>, Problem> {
    match payment.debt {
        Debt::None | Debt::Price => Ok(None),
        Debt::Payment => {
            let provider = payment.provider.as_deref().and_then(Provider::named);
            let reference = payment.payment_reference.as_deref().and_then(|reference| reference.parse().ok());
            let unreadable = || Problem::new(Reason::StorageUnavailable, "the payment makes no sense").retry_soon();
            provider.zip(reference).map(Some).ok_or_else(unreadable)
        }
    }
}

/// Sums by currency; more than an amount can say is said as the largest one.
fn totals(owed: Vec<(String, i64)>) -> Vec<Total> {
    let mut by_currency = BTreeMap::<String, i64>::new();
    for (currency, amount) in owed {
        let total = by_currency.entry(currency).or_default();
        *total = total.saturating_add(amount).min(MAX_AMOUNT);
    }
    by_currency.into_iter().map(|(currency, amount)| Total { amount, currency }).collect()
}

impl PaymentView {
    fn of(row: PaymentRow) -> Self {
        Self {
            payment_id: id_of(row.seq),
            order_id: row.order.map(|order| order.to_string()),
            order_reference: row.order_reference,
            item_id: row.item_id,
            user_id: row.user_id,
            provider: row.provider,
            event_id: row.event_id,
            payment_reference: row.payment_reference,
            verdict: row.verdict,
            amount: row.amount,
            currency: row.currency,
            owed: row.owed,
            at: row.at,
        }
    }
}
