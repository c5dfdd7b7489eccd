//! Types that are not the protocol's.

use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};

use crate::described::{Described, Shelf};

pub(crate) fn inline(object: ObjectBuilder) -> RefOr<Schema> {
    RefOr::T(Schema::Object(object.build()))
}

impl Described for String {
    fn schema(_: &mut Shelf) -> RefOr<Schema> {
        inline(ObjectBuilder::new().schema_type(Type::String))
    }

    fn examples() -> Vec<Value> {
        vec![json!("text")]
    }
}

impl Described for bool {
    fn schema(_: &mut Shelf) -> RefOr<Schema> {
        inline(ObjectBuilder::new().schema_type(Type::Boolean))
    }

    fn examples() -> Vec<Value> {
        vec![json!(true)]
    }
}

/// Whole numbers: a bound where the type has one that a JSON number always holds.
macro_rules! numbers {
    ($($type:ty, $most:expr;)*) => {$(
        impl Described for $type {
            fn schema(_: &mut Shelf) -> RefOr<Schema> {
                let most: Option<u32> = $most;
                let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0_usize));
                inline(number.maximum(most.and_then(|most| usize::try_from(most).ok())))
            }

            fn examples() -> Vec<Value> {
                vec![json!(2)]
            }
        }
    )*};
}

numbers! {
    u8, Some(255);
    u16, Some(65_535);
    u32, Some(u32::MAX);
    u64, None;
    usize, None;
}

/// Whatever JSON has.
impl Described for Value {
    fn schema(_: &mut Shelf) -> RefOr<Schema> {
        inline(ObjectBuilder::new().schema_type(SchemaType::AnyValue))
    }

    fn examples() -> Vec<Value> {
        vec![json!({})]
    }
}

impl<T: Described> Described for Vec<T> {
    fn schema(shelf: &mut Shelf) -> RefOr<Schema> {
        RefOr::T(Schema::Array(ArrayBuilder::new().items(shelf.of::<T>()).build()))
    }

    fn examples() -> Vec<Value> {
        vec![Value::Array(T::examples())]
    }
}

impl<T: Described> Described for Option<T> {
    const OPTIONAL: bool = true;

    fn schema(shelf: &mut Shelf) -> RefOr<Schema> {
        match shelf.of::<T>() {
            RefOr::T(Schema::Object(mut object)) => {
                let types = match object.schema_type {
                    SchemaType::Type(known) => vec![known, Type::Null],
                    SchemaType::Array(mut types) => {
                        types.push(Type::Null);
                        types
                    }
                    SchemaType::AnyValue => return RefOr::T(Schema::Object(object)),
                };
                object.schema_type = SchemaType::Array(types);
                RefOr::T(Schema::Object(object))
            }
            other => {
                let null = ObjectBuilder::new().schema_type(Type::Null);
                RefOr::T(Schema::OneOf(OneOfBuilder::new().item(other).item(null).build()))
            }
        }
    }

    fn examples() -> Vec<Value> {
        T::examples()
    }
}
