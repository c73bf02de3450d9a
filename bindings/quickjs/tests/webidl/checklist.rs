//! Which test shows which rule of Web IDL.

use std::{fs, path::Path};

/// A rule, and the tests that fail where it does not hold.
const RULES: &[(&str, &[&str])] = &[
    ("integer conversion, [EnforceRange], [Clamp]", &["integers_wrap_are_enforced_or_clamped"]),
    ("float, double, unrestricted", &["floats_are_restricted_or_not"]),
    (
        "DOMString, USVString, ByteString, enumerations, [LegacyNullToEmptyString]",
        &["strings_keep_what_their_type_keeps"],
    ),
    ("records", &["records_take_own_enumerable_keys_in_order"]),
    (
        "sequences by iterator, FrozenArray",
        &["sequences_come_from_any_iterable", "attributes_with_extended_attributes"],
    ),
    (
        "ObservableArray",
        &[
            "an_observable_array_is_an_array_to_script",
            "every_change_runs_the_attributes_algorithms",
            "values_are_converted_and_may_be_refused",
        ],
    ),
    ("unions, nullable", &["unions_are_told_apart", "strings_keep_what_their_type_keeps"]),
    (
        "dictionaries, optional ones, defaults, required members",
        &["dictionaries_are_read_base_first_in_lexicographic_order"],
    ),
    ("any, object, symbol, bigint", &["script_values_keep_their_identity"]),
    ("buffers and views, detached, shared, resizable", &["buffers_are_copied_and_written_through"]),
    (
        "callback functions: arguments, results, this",
        &["arguments_of_callbacks_are_values_of_their_types", "results_of_callbacks_are_converted"],
    ),
    (
        "callback functions: report and rethrow, promises",
        &[
            "what_a_callback_throws_is_rethrown_or_reported_as_its_caller_says",
            "callbacks_that_return_promises_never_throw",
        ],
    ),
    (
        "[LegacyTreatNonObjectAsNull]",
        &[
            "objects_that_nobody_can_call_are_let_in_where_the_callback_is_lenient",
            "event_handlers_are_kept_by_the_core",
        ],
    ),
    ("callback interfaces", &["operations_of_callback_interfaces"]),
    (
        "conversions in order, before anything is borrowed",
        &["arguments_are_converted_in_order_before_the_call"],
    ),
    ("overload resolution", &["overloads_are_resolved"]),
    ("brand checks across inheritance", &["interfaces_are_checked_by_brand", "inheritance_and_brands"]),
    ("interface objects, prototypes, Symbol.toStringTag", &["interface_objects_have_their_shape"]),
    ("property attributes, names and lengths, static members, constants", &["members_have_their_shape"]),
    (
        "[SameObject], [NewObject], [PutForwards], [LegacyUnforgeable], stringifiers",
        &["attributes_with_extended_attributes"],
    ),
    ("[SameObject] and the collector", &["what_an_attribute_gives_stays_as_long_as_its_holder"]),
    ("[Global], [Replaceable]", &["the_global_object_is_a_platform_object"]),
    ("[Exposed], [SecureContext]", &["exposure_and_secure_contexts_filter"]),
    ("iterable, maplike, setlike", &["iterables", "maplikes_and_setlikes_that_script_writes"]),
    ("async_iterable", &["async_iterables_and_hosted_promises", "async_iterables_with_arguments"]),
    (
        "indexed and named properties",
        &[
            "indexed_properties",
            "indexed_setters",
            "named_properties",
            "named_setters_and_deleters",
            "the_globals_named_properties_object",
        ],
    ),
    ("[LegacyFactoryFunction], [LegacyWindowAlias], [LegacyNoInterfaceObject]", &["factories_and_aliases"]),
    ("[Reflect]", &["reflecting_attributes"]),
    ("[Unscopable]", &["unscopable_members_are_not_seen_by_with"]),
    ("namespaces", &["namespaces"]),
    (
        "new.target and its realm",
        &["inheritance_and_brands", "a_constructor_of_another_realm_gives_that_realms_prototype"],
    ),
    ("promise-returning members reject", &["operations_that_return_promises_reject_instead_of_throwing"]),
    ("promises as arguments", &["promises_of_script_are_observed"]),
    (
        "DOMException, its codes, QuotaExceededError",
        &["exceptions_are_the_realms_own", "every_exception_name_has_its_code"],
    ),
    ("realms of one runtime share no prototypes", &["two_realms_share_nothing_but_the_runtime"]),
    ("WindowProxy", &["a_proxy_reaches_the_current_global_and_outlives_it", "another_origin_sees_little"]),
];

#[test]
fn every_rule_has_its_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/webidl");
    let sources: String = fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| fs::read_to_string(path).expect("it is text"))
        .collect();
    for (rule, tests) in RULES {
        for test in *tests {
            assert!(sources.contains(&format!("#[test]\nfn {test}()")), "{rule}: there is no test {test}");
        }
    }
}
