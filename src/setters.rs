//! Methods of options that set one field each, so that `Options::new().field(value)` names only
//! what differs from the default.

/// Each method has the documentation of its field; or one of its own, if it also names the field.
macro_rules! setters {
    ($($(#[$doc:meta])+ $name:ident: $kind:ty => $($field:ident).+),+ $(,)?) => {
        $(
            $(#[$doc])+
            pub fn $name(mut self, $name: $kind) -> Self {
                self.$($field).+ = $name;
                self
            }
        )+
    };
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
