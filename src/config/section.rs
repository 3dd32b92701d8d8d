//! **Job:** the shape of a section: a struct whose fields carry their defaults and know their names.
//! **Owns:** the spelling `section.key`, made from the field's own name.
//! **Never:** holds a key itself.

/// Writes a section's struct, its `Default`, and the list of its keys with their places.
macro_rules! section {
    (
        $(#[$doc:meta])*
        pub struct $name:ident in $path:literal {
            $($(#[$key_doc:meta])* pub $key:ident: $type:ty = $default:expr,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            $($(#[$key_doc])* pub $key: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl $name {
            fn settings(&mut self) -> Vec<(&'static str, &mut dyn Setting)> {
                vec![$((concat!($path, ".", stringify!($key)), &mut self.$key as &mut dyn Setting),)*]
            }
        }
    };
}
