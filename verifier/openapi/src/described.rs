//! What a type looks like in JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::openapi::schema::{Ref, Schema};
use utoipa::openapi::{Components, ComponentsBuilder, RefOr};

/// A type whose JSON form is described.
pub trait Described: Serialize + DeserializeOwned {
    /// The name under which documents have it; nothing for what is described where it stands.
    const NAME: Option<&'static str> = None;

    /// Whether an object may lack a field of this type.
    const OPTIONAL: bool = false;

    /// The description.
    fn schema(shelf: &mut Shelf) -> RefOr<Schema>;

    /// Values that decode, at least one.
    fn examples() -> Vec<Value>;

    /// The first of them.
    fn example() -> Value {
        Self::examples().into_iter().next().unwrap_or_default()
    }
}

/// The descriptions of one document that have a name.
#[derive(Default)]
pub struct Shelf {
    pub(crate) named: BTreeMap<&'static str, Named>,
}

pub(crate) struct Named {
    pub(crate) schema: Option<RefOr<Schema>>,
    #[cfg_attr(not(feature = "conformance"), expect(dead_code, reason = "documents are checked by tests alone"))]
    pub(crate) form: Form,
}

/// What a type does with JSON.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "conformance"), expect(dead_code, reason = "documents are checked by tests alone"))]
pub(crate) struct Form {
    pub(crate) examples: fn() -> Vec<Value>,
    /// Reads a value as the type, and writes it again.
    pub(crate) round_trip: fn(Value) -> Result<Value, serde_json::Error>,
}

impl Shelf {
    /// How a document speaks of a type: by its name, or by its description.
    pub fn of<T: Described>(&mut self) -> RefOr<Schema> {
        let Some(name) = T::NAME else { return T::schema(self) };
        if !self.named.contains_key(name) {
            // The name is taken first, for a type may contain itself.
            let form = Form { examples: T::examples, round_trip: round_trip::<T> };
            self.named.insert(name, Named { schema: None, form });
            let schema = T::schema(self);
            self.named.insert(name, Named { schema: Some(schema), form });
        }
        RefOr::Ref(Ref::from_schema_name(name))
    }

    /// The same, with words about this place in it.
    pub fn field<T: Described>(&mut self, about: &str) -> RefOr<Schema> {
        match self.of::<T>() {
            RefOr::Ref(mut reference) => {
                reference.description = about.to_owned();
                RefOr::Ref(reference)
            }
            RefOr::T(mut schema) => {
                let description = match &mut schema {
                    Schema::Object(object) => Some(&mut object.description),
                    Schema::Array(array) => Some(&mut array.description),
                    Schema::OneOf(one) => Some(&mut one.description),
                    Schema::AllOf(all) => Some(&mut all.description),
                    Schema::AnyOf(any) => Some(&mut any.description),
                    _ => None,
                };
                if let Some(description) = description {
                    *description = Some(about.to_owned());
                }
                RefOr::T(schema)
            }
        }
    }

    pub(crate) fn components(&self) -> Components {
        let named = self.named.iter().filter_map(|(name, named)| Some((*name, named.schema.clone()?)));
        named.fold(ComponentsBuilder::new(), |all, (name, schema)| all.schema(name, schema)).build()
    }
}

fn round_trip<T: Described>(value: Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(serde_json::from_value::<T>(value)?)
}

/// Describes a struct as a JSON object, field by field, each with its words and its type.
///
/// ```text
/// object! {
///     /// What is asked.
///     Question {
///         /// How much.
///         amount: Amount,
///         /// Whether twice; not said means no.
///         twice: bool = false,
///         /// A word.
///         word: String => "hello",
///     }
/// }
/// ```
///
/// `= value` is what a field that is missing stands for, `=> value` is an example where the type's own would say little.
#[macro_export]
macro_rules! object {
    ($(
        $(#[doc = $about:literal])* $name:ident {
            $($(#[doc = $words:literal])* $field:ident: $type:ty $(= $default:literal)? $(=> $example:expr)?,)*
        }
    )*) => {$(
        // The fields are these, all of them, and of these types: or it does not compile.
        const _: fn($name) = |$name { $($field,)* }| { $(let _: $type = $field;)* };

        impl $crate::Described for $name {
            const NAME: Option<&'static str> = Some(stringify!($name));

            fn schema(
                #[allow(unused_variables, reason = "an object may have no field")] shelf: &mut $crate::Shelf,
            ) -> $crate::private::RefOr<$crate::private::Schema> {
                let object = $crate::private::ObjectBuilder::new()
                    .description(Some(concat!($($about),*).trim_ascii()))
                    .additional_properties(Some($crate::private::AdditionalProperties::FreeForm(false)));
                $(
                    let words = concat!($($words),*).trim_ascii();
                    let object = object.property(stringify!($field), shelf.field::<$type>(words));
                    let needed = !<$type as $crate::Described>::OPTIONAL $(&& { let _: $type = $default; false })?;
                    let object = if needed { object.required(stringify!($field)) } else { object };
                )*
                $crate::private::RefOr::T($crate::private::Schema::Object(object.build()))
            }

            fn examples() -> Vec<$crate::private::Value> {
                #[allow(unused_mut, reason = "an object may have no field")]
                let mut example = $crate::private::Map::new();
                $(
                    let value = <$type as $crate::Described>::example();
                    $(let value = { let _replaced = value; $crate::private::Value::from($example) };)?
                    example.insert(stringify!($field).to_owned(), value);
                )*
                vec![$crate::private::Value::Object(example)]
            }
        }
    )*};
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Chain {
        next: Vec<Self>,
    }

    object! {
        /// Contains itself.
        Chain {
            /// The next.
            next: Vec<Chain> => Value::Array(Vec::new()),
        }
    }

    #[test]
    fn a_type_may_contain_itself() {
        let mut shelf = Shelf::default();
        shelf.of::<Chain>();
        assert!(shelf.named["Chain"].schema.is_some());
    }
}
