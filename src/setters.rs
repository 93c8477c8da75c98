//! Methods of options that set one field each, so that `Options::new().field(value)` names only
//! what differs from the default.

/// Each method has the documentation of its field.
macro_rules! setters {
    ($($name:ident: $kind:ty),+ $(,)?) => {
        $(
            #[doc = concat!("Sets [`", stringify!($name), "`](Self#structfield.", stringify!($name), ").")]
            #[must_use]
            pub fn $name(mut self, $name: $kind) -> Self {
                self.$name = $name;
                self
            }
        )+
    };
}
