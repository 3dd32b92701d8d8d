//! **Job:** the words of the interface as the OpenAPI document defines them: ids, money, times, states.
//! **Owns:** their patterns and bounds, taken from the types that enforce them.
//! **Never:** has a value: these types are names only.

use doorbuster_actors::entry::Status;
use doorbuster_actors::ids::{MAX_KEY_LENGTH, MAX_USER_ID_LENGTH};
use doorbuster_actors::item::{
    MAX_AMOUNT, MAX_DESCRIPTION_LENGTH, MAX_IMAGE_URL_LENGTH, MAX_QUANTITY, MAX_STOCK, MAX_TITLE_LENGTH, SaleState,
};
use doorbuster_actors::payment::{Provider as Providers, Verdict as Verdicts};
use doorbuster_actors::request::Reason;
use doorbuster_actors::time::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AdditionalProperties, KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Required, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::problem::codes;

macro_rules! words {
    ($(#[doc = $doc:literal] $name:ident = $schema:expr;)*) => {$(
        #[doc = $doc]
        pub enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.description(Some($doc.trim())).into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

words! {
    /// An item, as its owner names it.
    ItemId = text("^[A-Za-z0-9._-]{1,64}$").examples(["sku-1"]);
    /// A buyer, as their identity provider names them.
    UserId = text("^[!-~]+$").max_length(Some(MAX_USER_ID_LENGTH)).examples(["auth0|5f7c8ec7"]);
    /// An order. Opaque: its parts are nobody's business. It ends in a check character.
    OrderId = text("^[A-Z][0-9A-Z]{7,25}$").examples(["C0110000001N"]);
    /// A client's own name for one purchase, bare or in double quotes.
    IdempotencyKey = text(r#"^([!#-~][!-~]{0,254}|"[!-~]{1,255}")$"#).max_length(Some(MAX_KEY_LENGTH + 2));
    /// The provider's name of an event.
    EventId = text("^[!-~]+$").max_length(Some(MAX_KEY_LENGTH));
    /// `t=` Unix seconds, at most five minutes off, and each `v1=` an HMAC-SHA256 of `<t>.<body>` in hexadecimal.
    Signature = text("^([^,=]+=[^,]*)(, ?[^,=]+=[^,]*)+$");
    /// Whose notification it is.
    NotifyingProvider = one_of([Providers::Stripe, Providers::Standard, Providers::Wechat, Providers::Alipay]);
    /// ISO 4217 code.
    Currency = text("^[A-Z]{3}$").examples(["CNY"]);
    /// Money in minor units of the currency.
    Amount = number(0, MAX_AMOUNT).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
    /// RFC 3339.
    Time = formatted(KnownFormat::DateTime);
    /// RFC 3339 with an offset, or a day in UTC.
    TimeOrDay = OneOfBuilder::new()
        .item(formatted(KnownFormat::DateTime).pattern(Some(Timestamp::PATTERN)))
        .item(formatted(KnownFormat::Date).pattern(Some(Timestamp::DAY_PATTERN)));
    /// A node of the shop, where there are several.
    Node = text("^[a-z][a-z0-9-]{0,31}$");
    /// One event. Its `data` is a `Snapshot` as JSON.
    SnapshotEvent = event("snapshot");
    /// One event. Its `data` is an `Order` as JSON, its `id` the status.
    OrderEvent = event("order").property("id", OrderStatus::schema()).required("id");
    /// The `id` of an event: a status. Anything else is as if it were not there.
    SeenEvent = ObjectBuilder::new().schema_type(Type::String).examples(["pending"]);
    /// Units of one order.
    Quantity = number(1, MAX_QUANTITY.into());
    /// What is bought.
    Purchase = ObjectBuilder::new()
        .property("quantity", Quantity::schema())
        .required("quantity")
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    /// Units of an item.
    Units = number(0, u32::MAX.into());
    /// Units for sale at first.
    Stock = number(0, MAX_STOCK.into());
    /// Units that are added.
    Restocked = number(1, MAX_STOCK.into());
    /// Units that are taken off sale.
    Withdrawn = number(1, u32::MAX.into());
    /// Who steers the sale, as they are called.
    Operator = text("^[!-~]([ -~]{0,98}[!-~])?$").examples(["Ann of the night shift"]);
    /// Why something was done.
    Why = text(r"^[^\u0000-\u001F\u007F-\u009F]*$").max_length(Some(500)).examples(["wrong price"]);
    /// Why something was done, where it must be said.
    MustSayWhy = text(r"^[^\u0000-\u001F\u007F-\u009F]*[^\s\u0000-\u001F\u007F-\u009F][^\u0000-\u001F\u007F-\u009F]*$")
        .max_length(Some(500))
        .examples(["asked by phone"]);
    /// Why an order is given up.
    Revocation = ObjectBuilder::new()
        .property("reason", MustSayWhy::schema())
        .required("reason")
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    /// A payment on record.
    PaymentId = text("^P[0-9]{9,19}$").examples(["P000000042"]);
    /// Name for people.
    Title = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(MAX_TITLE_LENGTH));
    /// What there is to say about an item; line ends are kept.
    Description = ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX_DESCRIPTION_LENGTH));
    /// An https or http address, or a path on the shop's own host.
    ImageUrl = ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX_IMAGE_URL_LENGTH));
    /// What an event of a payment provider meant.
    PaymentVerdict = one_of(Verdicts::ALL);
    /// Who reports payments.
    Provider = one_of(Providers::ALL);
    /// Whether an item can be bought now.
    State = one_of([SaleState::Scheduled, SaleState::Open, SaleState::Paused, SaleState::SoldOut, SaleState::Closed]);
    /// Where an order stands. `pending` and `paid` hold their units.
    OrderStatus = one_of([
        Status::Pending, Status::Paid, Status::Cancelled, Status::Expired, Status::RefundDue, Status::Refunded,
    ]);
    /// Why there is no other answer. A program tells problems apart by this.
    ProblemCode = one_of(codes::all().map(Reason::as_str));
    /// What a `201` promises: on the disk, or in the hands of the operating system.
    Durability = one_of(["full", "normal"]);
}

macro_rules! optional_headers {
    ($(#[doc = $doc:literal] $name:ident = $header:literal: $word:ident;)*) => {$(
        #[doc = $doc]
        pub enum $name {}

        // By hand, because the derived ones may also be null.
        impl IntoParams for $name {
            fn into_params(_parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                let header = ParameterBuilder::new().name($header).parameter_in(ParameterIn::Header);
                vec![header.required(Required::False).schema(Some($word::schema())).build()]
            }
        }
    )*};
}

optional_headers! {
    /// With it, a purchase can be tried again without buying twice.
    KeyHeader = "Idempotency-Key": IdempotencyKey;
    /// Who does it: is written into the journal.
    OperatorHeader = "X-Operator": Operator;
    /// What a client of a stream has seen last.
    LastEvent = "Last-Event-ID": SeenEvent;
}

fn text(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

fn formatted(format: KnownFormat) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(format)))
}

/// An event of `text/event-stream`, as OpenAPI 3.2 describes one.
fn event(name: &str) -> ObjectBuilder {
    let data = ObjectBuilder::new().schema_type(Type::String).content_media_type("application/json");
    ObjectBuilder::new().property("event", one_of([name])).required("event").property("data", data).required("data")
}

fn number(least: i64, most: i64) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).maximum(Some(most))
}

pub(super) fn one_of<V: Serialize>(values: impl IntoIterator<Item = V>) -> ObjectBuilder {
    let values: Vec<Value> = values.into_iter().map(|value| json!(value)).collect();
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values))
}
