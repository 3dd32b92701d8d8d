//! **Job:** the shape of a section: a struct whose fields carry their defaults and know their names.
//! **Owns:** the spelling `section.key`, made from the field's own name, and the comments as texts for the operator.
//! **Never:** holds a key itself.

/// Writes a section's struct, its `Default`, the list of its keys with their places, and that of their explanations.
macro_rules! section {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident in $path:literal {
            $($(#[doc = $key_doc:literal])* pub $key:ident: $type:ty = $default:expr,)*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            $($(#[doc = $key_doc])* pub $key: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl $name {
            pub(in crate::config) fn settings(&mut self) -> Vec<(&'static str, &mut dyn Setting)> {
                vec![$((concat!($path, ".", stringify!($key)), &mut self.$key as &mut dyn Setting),)*]
            }

            /// The comments above, of the section itself first, each by its name.
            pub(in crate::config) const EXPLANATIONS: &'static [(&'static str, &'static str)] = &[
                ($path, concat!($($doc,)*)),
                $((concat!($path, ".", stringify!($key)), concat!($($key_doc,)*)),)*
            ];
        }
    };
}
