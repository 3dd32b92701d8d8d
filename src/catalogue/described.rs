//! **Job:** what the OpenAPI document says of the fields of an item that an attribute cannot.
//! **Owns:** patterns as narrow as the rules of the core.
//! **Never:** checks anything.

use doorbuster_actors::item::{Currency, MAX_DESCRIPTION_LENGTH, MAX_IMAGE_URL_LENGTH, MAX_TITLE_LENGTH};
use doorbuster_actors::time::Timestamp;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type};

/// Nothing; an address with a host; a path that is none of another host.
const IMAGE_URL: &str =
    r"^(https?://[0-9A-Za-z\[][!#-&(-;=?-\[\]-_a-~]*|/([!#-&(-.0-;=?-\[\]-_a-~][!#-&(-;=?-\[\]-_a-~]*)?)?$";

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn text_or_null() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]))
}

pub(super) fn title() -> Schema {
    let title = text().max_length(Some(MAX_TITLE_LENGTH)).pattern(Some(r"^[^\u0000-\u001F\u007F-\u009F]+$"));
    title.description(Some("Name for people, 1 to 200 characters.")).into()
}

pub(super) fn description() -> Schema {
    let description = text_or_null().max_length(Some(MAX_DESCRIPTION_LENGTH));
    let description = description.pattern(Some(r"^[^\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]*$"));
    description.description(Some("What there is to say about it, up to 2,000 characters; line ends are kept.")).into()
}

pub(super) fn image_url() -> Schema {
    let url = text_or_null().max_length(Some(MAX_IMAGE_URL_LENGTH)).pattern(Some(IMAGE_URL));
    url.description(Some("Its picture: an https or http address, or a path on the shop's own host.")).into()
}

pub(super) fn currency() -> Schema {
    text().enum_values(Some(Currency::in_use())).description(Some("ISO 4217 code of a currency that is in use.")).into()
}

pub(super) fn opens_at() -> Schema {
    moment("First moment of the sale, RFC 3339 with offset; absent: at once.")
}

pub(super) fn closes_at() -> Schema {
    moment("First moment after the sale, RFC 3339 with offset, later than `opens_at`; absent: never.")
}

fn moment(description: &str) -> Schema {
    let moment = text_or_null().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    moment.pattern(Some(Timestamp::PATTERN)).description(Some(description)).into()
}
