//! What is refused or warned about, and in which words.

use serde_json::{Value, json};

use super::{a_field, a_mutation, a_query, a_type, an_argument, golden, project, shop};

#[test]
fn names() {
    let scalar = |name: &str| shop(json!({"custom_scalars": [{"name": name}]}));
    let cases = vec![
        ("unknown top-level key", shop(json!({"querys": []}))),
        ("unknown key of a field", a_field(json!({"requires_scop": "x"}))),
        ("unknown key of a query", a_query(json!({"sqlSource": "v_user"}))),
        ("type twice", shop(json!({"types": [{"name": "User", "fields": [{"name": "id", "type": "ID"}]}]}))),
        ("type and enum", shop(json!({"enums": [{"name": "User", "values": [{"name": "A"}]}]}))),
        ("type and scalar", scalar("User")),
        ("generated filter", scalar("UserWhereInput")),
        ("generated filter of a scalar", {
            let named = |name: &str| json!({"name": name, "values": [{"name": "A"}]});
            shop(
                json!({"enums": [named("StringFilter"), named("Kind"), named("KindListFilter"), named("OrderDirection")]}),
            )
        }),
        ("a query may be named as a generated type", a_query(json!({"relay": true, "name": "UserConnection"}))),
        ("generated edge", {
            let mut schema = a_query(json!({"relay": true}));
            schema["custom_scalars"] = json!([{"name": "UserEdge"}, {"name": "PageInfo"}]);
            schema
        }),
        ("generated count", {
            let mut schema = a_query(json!({"count": true}));
            let query = json!({"name": "qCount", "return_type": "User", "returns_list": true});
            schema["queries"].as_array_mut().expect("a list").push(query);
            schema
        }),
        ("reserved Query", a_type(json!({"name": "Query"}))),
        ("reserved entity", a_type(json!({"name": "_Entity"}))),
        ("introspection", a_type(json!({"name": "__A"}))),
        ("built-in scalar", scalar("String")),
        ("a type named as a scalar", a_type(json!({"name": "DateTime"}))),
        ("a scalar of our own is fine", scalar("DateTime")),
        ("a type named as a named string is fine", a_type(json!({"name": "Money"}))),
        ("not a name", a_type(json!({"name": "A-B"}))),
        ("field is not a name", a_field(json!({"name": "2x"}))),
        ("field twice", a_field(json!({"name": "id"}))),
        ("query is reserved", a_query(json!({"name": "_service"}))),
        ("query twice", a_query(json!({"name": "users"}))),
        ("argument twice", a_query(json!({"arguments": [{"name": "x", "type": "ID"}, {"name": "x", "type": "ID"}]}))),
        ("enum value twice", shop(json!({"enums": [{"name": "E", "values": [{"name": "A"}, {"name": "A"}]}]}))),
        (
            "stored twice",
            shop(
                json!({"enums": [{"name": "E", "values": [{"name": "A", "value": "x"}, {"name": "B", "value": "x"}]}]}),
            ),
        ),
        ("enum value true", shop(json!({"enums": [{"name": "E", "values": [{"name": "true"}]}]}))),
        ("enum value is a number", shop(json!({"enums": [{"name": "E", "values": [{"name": "A", "value": 1}]}]}))),
        ("naming convention", shop(json!({"naming_convention": "snake_case"}))),
    ];
    insta::assert_snapshot!("names", golden(cases, &project()));
}

#[test]
fn types() {
    let named = |more| {
        let fields = json!([{"name": "id", "type": "ID", "nullable": false}, more]);
        a_type(json!({"implements": ["Named"], "fields": fields}))
    };
    let input =
        |name: &str, other: &str| json!({"name": name, "fields": [{"name": "x", "type": other, "nullable": false}]});
    let cases = vec![
        ("empty type", a_type(json!({"fields": []}))),
        ("empty enum", shop(json!({"enums": [{"name": "E", "values": []}]}))),
        ("empty union", shop(json!({"unions": [{"name": "U", "member_types": []}]}))),
        ("empty input", shop(json!({"input_types": [{"name": "I", "fields": []}]}))),
        ("unknown type", a_field(json!({"type": "[Usr!]"}))),
        ("Python text", a_field(json!({"type": "list[User]"}))),
        ("input read", a_field(json!({"type": "UserInput"}))),
        ("list of lists of objects", a_field(json!({"type": "[[User!]!]"}))),
        ("list of lists of values is fine", a_field(json!({"type": "[[Int!]!]"}))),
        ("a nested list without a join is fine", a_field(json!({"type": "[User!]", "nullable": false}))),
        ("interface fields missing", a_type(json!({"implements": ["Named"]}))),
        ("interface field nullable", named(json!({"name": "name", "type": "String", "nullable": true}))),
        ("interface field of another type", named(json!({"name": "name", "type": "Int", "nullable": false}))),
        ("interface field is fine", named(json!({"name": "name", "type": "String", "nullable": false}))),
        ("implements twice", a_type(json!({"name": "User2", "implements": ["Node", "Node"]}))),
        ("implements a type", a_type(json!({"implements": ["User"]}))),
        ("implements nothing known", a_type(json!({"implements": ["Name"]}))),
        ("union of others", shop(json!({"unions": [{"name": "U", "member_types": ["Color", "User", "User", "Usr"]}]}))),
        ("embedded with a relation", a_type(json!({"embedded": true, "sql_source": "v_a"}))),
        ("relation with quotes", a_type(json!({"sql_source": "\"V\".x; --"}))),
        ("relation in a database", a_type(json!({"sql_source": "a.b.c"}))),
        ("column with spaces", a_type(json!({"jsonb_column": "my data"}))),
        ("relay without id", a_type(json!({"relay": true, "fields": [{"name": "x", "type": "Int"}]}))),
        ("join on a value", a_field(json!({"join": {"a": "b"}}))),
        ("empty join", a_field(json!({"type": "User", "join": {}}))),
        ("join to embedded", a_field(json!({"type": "Address", "join": {"a": "b"}}))),
        ("join to a union", a_field(json!({"type": "Thing", "join": {"a": "b"}}))),
        (
            "join from embedded",
            a_type(json!({"embedded": true, "fields": [{"name": "u", "type": "User", "join": {"a": "b"}}]})),
        ),
        ("join by an expression", a_field(json!({"type": "User", "join": {"a": "b::text"}}))),
        ("join to a number", a_field(json!({"type": "User", "join": {"a": 1}}))),
        (
            "relationship to nothing",
            a_type(json!({"sql_source": "v_a", "relationships": [
            {"name": "us", "target_type": "Usr", "cardinality": "OneToMany", "foreign_key": "f", "referenced_key": "id"},
            {"name": "vs", "target_type": "User", "cardinality": "ManyToMany", "foreign_key": "f", "referenced_key": "id"}]})),
        ),
        ("mask on non-null", a_field(json!({"nullable": false, "requires_scope": "s", "on_deny": "mask"}))),
        ("mask without scope", a_field(json!({"on_deny": "mask"}))),
        ("unknown on_deny", a_field(json!({"requires_scope": "s", "on_deny": "hide"}))),
        ("function without requires", a_field(json!({"function": "fn_x"}))),
        ("label without override", a_field(json!({"federation": {"override_label": "x"}}))),
        (
            "input cycle",
            shop(json!({"input_types": [input("I", "J"), input("J", "K"), input("K", "I"), input("L", "I")]})),
        ),
        ("input of itself", shop(json!({"input_types": [input("I", "I")]}))),
        (
            "input with a nullable cycle is fine",
            shop(json!({"input_types": [{"name": "I", "fields": [{"name": "x", "type": "I", "nullable": true}]}]})),
        ),
        ("input of a type", shop(json!({"input_types": [input("I", "User")]}))),
        ("deprecated type", a_type(json!({"deprecated": {"reason": "old"}}))),
        ("plural", a_type(json!({"plural": "as-s"}))),
        ("no fields at all", shop(json!({"types": [{"name": "A"}]}))),
        ("empty scope", a_field(json!({"requires_scope": ""}))),
        ("validation rules", shop(json!({"custom_scalars": [{"name": "S", "validation_rules": ["x"]}]}))),
        ("base type", shop(json!({"custom_scalars": [{"name": "S", "base_type": "Int", "validation_rules": []}]}))),
    ];
    insta::assert_snapshot!("types", golden(cases, &project()));
}

#[test]
fn operations() {
    let default = |ty: &str, value| an_argument(json!({"type": ty, "nullable": false, "default": value}));
    let rest = |path: &str| a_query(json!({"arguments": [{"name": "userId", "type": "ID"}], "rest": {"path": path}}));
    let inject = |more| a_query(json!({"inject_params": more}));
    let cases = vec![
        ("no arguments, one object is fine", a_query(json!({"returns_list": false}))),
        ("unknown type", a_query(json!({"return_type": "Usr"}))),
        ("returns an input", a_query(json!({"return_type": "UserInput"}))),
        ("returns a scalar", a_query(json!({"return_type": "Int"}))),
        ("union without relation", a_query(json!({"return_type": "Thing"}))),
        ("embedded without relation", a_query(json!({"return_type": "Address"}))),
        ("embedded with relation is fine", a_query(json!({"return_type": "Address", "sql_source": "v_address"}))),
        ("relation with space", a_query(json!({"sql_source": "v user"}))),
        ("argument is a type", an_argument(json!({"type": "User"}))),
        ("argument is an input", an_argument(json!({"type": "UserInput"}))),
        ("limit is a text", an_argument(json!({"name": "limit"}))),
        ("where is something else", an_argument(json!({"name": "where", "type": "UserInput"}))),
        ("where is declared, which is fine", an_argument(json!({"name": "where", "type": "UserWhereInput"}))),
        (
            "order twice",
            a_query(json!({"arguments": [
            {"name": "orderBy", "type": "[UserOrderByInput!]"}, {"name": "order_by", "type": "[UserOrderByInput!]"}]})),
        ),
        ("cursor of a plain list", an_argument(json!({"name": "after"}))),
        ("limit of a connection", a_query(json!({"relay": true, "arguments": [{"name": "limit", "type": "Int"}]}))),
        ("relay of one", a_query(json!({"relay": true, "returns_list": false}))),
        ("relay without id", a_query(json!({"relay": true, "return_type": "Address", "sql_source": "v_a"}))),
        ("count of a union", a_query(json!({"count": true, "return_type": "Thing", "sql_source": "v_thing"}))),
        ("filters of a union", a_query(json!({"auto_params": true, "return_type": "Thing", "sql_source": "v_thing"}))),
        ("filters of one", a_query(json!({"auto_params": true, "returns_list": false}))),
        ("auto_params misspelt", a_query(json!({"auto_params": {"wher": true, "limit": 1}}))),
        ("stream of one", a_query(json!({"rest_stream": true, "returns_list": false}))),
        ("default Int", default("Int", json!("3"))),
        ("default too big", default("Int", json!(3_000_000_000_i64))),
        ("default Boolean", default("Boolean", json!(0))),
        ("default UUID", default("UUID", json!("x"))),
        ("default null", default("Int", json!(null))),
        ("default Decimal is fine", default("Decimal", json!("12.50"))),
        ("default enum", default("Color", json!("GREEN"))),
        ("default list", default("[Int!]", json!([1, "a"]))),
        ("default list of one is fine", default("[Int!]", json!(1))),
        (
            "default input",
            a_mutation(json!({"arguments": [{"name": "x", "type": "UserInput", "default": {"nam": "x"}}]})),
        ),
        ("rest is fine", rest("/users/{user_id}/posts")),
        (
            "rest parameter in the input is fine",
            a_mutation(json!({"arguments": [{"name": "input", "type": "UserInput"}],
            "rest": {"path": "/users/{name}", "method": "PATCH"}})),
        ),
        ("rest without slash", rest("users")),
        ("rest with an empty segment", rest("/users//x")),
        ("rest parameter unknown", rest("/users/{usrId}")),
        ("rest parameter twice", rest("/users/{userId}/{userId}")),
        ("rest brace open", rest("/users/{userId")),
        ("rest method of a query", a_query(json!({"rest": {"path": "/x", "method": "DELETE"}}))),
        ("rest method of a mutation", a_mutation(json!({"rest": {"path": "/x", "method": "get"}}))),
        (
            "rest route twice",
            shop(json!({"queries": [
            {"name": "a", "return_type": "User", "arguments": [{"name": "x", "type": "ID"}], "rest": {"path": "/u/{x}"}},
            {"name": "b", "return_type": "User", "arguments": [{"name": "y", "type": "ID"}], "rest": {"path": "/u/{y}", "method": "get"}}]})),
        ),
        ("mutation without function", a_mutation(json!({"name": "createUser", "sql_source": null}))),
        ("mutation of a scalar is fine", a_mutation(json!({"return_type": "Boolean"}))),
        ("operation", a_mutation(json!({"operation": "UPSERT"}))),
        ("input style", a_mutation(json!({"input_style": "json"}))),
        ("inject nothing", inject(json!({"tenant_id": "tenant_id", "x": {"source": "header", "claim": "x"}, "y": 1}))),
        (
            "inject an argument",
            a_query(
                json!({"inject_params": {"tenant_id": "jwt:t"}, "arguments": [{"name": "tenantId", "type": "ID"}]}),
            ),
        ),
        (
            "inject an input's field",
            a_mutation(
                json!({"inject_params": {"name": "jwt:n"}, "arguments": [{"name": "input", "type": "UserInput"}]}),
            ),
        ),
        (
            "subscription",
            shop(json!({"subscriptions": [
            {"name": "a", "entity_type": "User", "topic": "t", "operation": "CREATE", "arguments": [{"name": "id", "type": "ID"}]},
            {"name": "b", "return_type": "User", "filter": {"conditions": []}, "fields": ["id"]},
            {"name": "c", "return_type": "User", "entity_type": "Address"},
            {"name": "d"}]})),
        ),
    ];
    insta::assert_snapshot!("operations", golden(cases, &project()));
}

#[test]
fn keys_without_effect_and_guards() {
    let cases = vec![
        (
            "nothing set is fine",
            shop(json!({
            "version": "2.0.0", "fragments": [], "directives": [], "fact_tables": [], "aggregate_queries": [],
            "observers": [], "security": null, "auth": {}, "observers_config": {}, "federation_config": null,
            "subscriptions_config": {}, "validation_config": null, "debug_config": {}, "mcp_config": {},
            "rest_config": {}, "grpc_config": {}, "query_defaults": {}, "session_variables": [],
            "hierarchies_config": {}, "changelog_config": {}, "sources": [], "inject_defaults": {}})),
        ),
        (
            "sections of other flows",
            shop(json!({"rest_config": {"path": "/api"}, "sources": [{}], "observers": [{"name": "x"}]})),
        ),
        (
            "guards of other flows",
            shop(json!({"security": {"require_auth": true}, "session_variables": [{"name": "x"}]})),
        ),
        ("guards", a_field(json!({"authorize": {"rule": "owner"}}))),
        ("actors", a_query(json!({"requires_actor": ["human_user"]}))),
        ("no actors is fine", a_query(json!({"requires_actor": []}))),
        ("vectors", a_field(json!({"vector_config": {"dimensions": 3}, "vector_distance": "embedding"}))),
        (
            "caches and routing",
            a_query(json!({"cache_ttl_seconds": 60, "read_routing": "primary", "additional_views": ["v_x"],
            "native_columns": {"id": "uuid"}, "relay_cursor_type": "uuid"})),
        ),
        ("no cache is fine", a_query(json!({"cache_ttl_seconds": 0, "read_routing": "any"}))),
        (
            "change log",
            a_mutation(json!({"changelog": true, "changelog_pre_image": true, "cascade": true,
            "invalidates_views": ["v_user"], "invalidates_fact_tables": []})),
        ),
        ("no queries", json!({"types": [{"name": "A", "fields": [{"name": "id", "type": "ID"}]}]})),
        ("subscribable", a_type(json!({"subscribable_tables": ["tb_a"], "subscribable_pre_image": true}))),
    ];
    insta::assert_snapshot!("keys_without_effect", golden(cases, &project()));
}

#[test]
fn federation() {
    let block = |more| shop(json!({"federation": more}));
    let keyed = |keys| {
        a_type(json!({"keys": keys, "fields": [
        {"name": "id", "type": "ID", "nullable": false}, {"name": "tags", "type": "[String!]", "nullable": false},
        {"name": "user", "type": "User", "nullable": false}]}))
    };
    let joined = |column: &str| {
        a_type(json!({"sql_source": "v_a", "keys": [{"fields": "user { id }"}], "fields": [
        {"name": "id", "type": "ID", "nullable": false},
        {"name": "user", "type": "User", "nullable": false, "join": {"fk_user": column}}]}))
    };
    let cases = vec![
        ("unknown key", block(json!({"entitys": []}))),
        ("both names", shop(json!({"federation": {"enabled": true}, "federation_config": {"enabled": true}}))),
        ("version", block(json!({"version": "v1"}))),
        ("apollo version", block(json!({"apollo_version": 1}))),
        ("breaker", block(json!({"circuit_breaker": {"enabled": true}}))),
        ("unknown types", block(json!({"entities": [{"name": "Usr"}], "shareable_types": ["Adress"]}))),
        ("no such key field", block(json!({"entities": [{"name": "User", "key_fields": ["sku"]}]}))),
        ("embedded", block(json!({"entities": [{"name": "Address", "key_fields": ["city"]}]}))),
        ("disabled is not judged", block(json!({"enabled": false, "entities": [{"name": "Usr"}]}))),
        (
            "keys",
            keyed(
                json!([{"fields": "id user { id }"}, {"fields": "tags"}, {"fields": "user"}, {"fields": "user { ident }"}, {"fields": "("}, {}]),
            ),
        ),
        ("key of an embedded type", a_type(json!({"embedded": true, "key_fields": ["id"]}))),
        (
            "unresolvable key of an embedded type is fine",
            a_type(json!({"embedded": true, "keys": [{"fields": "id", "resolvable": false}]})),
        ),
        ("key behind a join by something else", joined("pk_user")),
        ("a join by the key itself is fine", joined("id")),
        ("route of an entity", {
            let mut schema = a_mutation(json!({"rest": {"path": "/users/batch-get", "method": "POST"}}));
            schema["types"][0]["key_fields"] = json!(["id"]);
            schema
        }),
        ("requires", a_field(json!({"function": "fn_x", "federation": {"requires": "iid"}}))),
        ("requires what is ours", a_field(json!({"function": "fn_x", "federation": {"requires": "id"}}))),
        ("provides of a value", a_field(json!({"federation": {"provides": "id"}}))),
        ("provides", a_field(json!({"type": "User", "federation": {"provides": "naem"}}))),
        ("provides is fine", a_field(json!({"type": "User", "federation": {"provides": "name", "tags": ["x"]}}))),
    ];
    insta::assert_snapshot!("federation", golden(cases, &project()));
}

/// A subgraph with a type `A` of the key `id`, and what is given of its other fields.
fn subgraph(fields: Value, federation: Value) -> Value {
    let mut all = vec![json!({"name": "id", "type": "ID", "nullable": false})];
    all.extend(fields.as_array().expect("a list").clone());
    let mut schema = a_type(json!({"sql_source": "v_a", "key_fields": ["id"], "fields": all}));
    schema["federation"] = json!({"enabled": true});
    for (key, value) in federation.as_object().expect("an object") {
        schema["federation"][key] = value.clone();
    }
    schema
}

#[test]
fn what_composition_would_refuse() {
    let external = |name: &str| json!({"name": name, "type": "Int", "federation": {"external": true}});
    let own = json!({"name": "own", "type": "Int"});
    let computed = |set: &str| json!({"name": "x", "type": "Int", "function": "fn_x", "federation": {"requires": set}});
    let user = |name: &str, federation: Value| json!({"name": name, "type": "User", "federation": federation});
    let a = |fields| subgraph(fields, json!({}));
    let without_key = {
        let mut schema = a(json!([external("size"), computed("size")]));
        schema["types"][2].as_object_mut().expect("A").swap_remove("key_fields");
        schema
    };
    let mut interface_object = a(json!([]));
    interface_object["types"][2] =
        json!({"name": "A", "interface_object": true, "fields": [{"name": "id", "type": "ID"}]});
    let cases = vec![
        ("requires what is external is fine", a(json!([external("size"), computed("size")]))),
        ("requires what is ours", a(json!([own, computed("own")]))),
        ("requires an unknown field", a(json!([external("weight"), computed("weigth")]))),
        ("requires no selection", a(json!([computed("{")]))),
        (
            "requires below an external object is fine",
            a(json!([user("user", json!({"external": true})), computed("user { name }")])),
        ),
        ("requires below our object", a(json!([user("user", json!({})), computed("user { name }")]))),
        ("requires without a key", without_key),
        ("provides what is ours", a(json!([user("user", json!({"provides": "name"}))]))),
        ("external and unused", a(json!([external("size")]))),
        ("interface object without a key", interface_object),
        (
            "override of itself",
            subgraph(
                json!([{"name": "x", "type": "Int", "federation": {"override_from": "orders"}}]),
                json!({"service_name": "orders"}),
            ),
        ),
    ];
    insta::assert_snapshot!("composition", golden(cases, &project()));
}

#[test]
fn versions_and_directives() {
    let marked =
        |directives: Value| subgraph(json!([{"name": "x", "type": "Int", "directives": directives}]), json!({}));
    let labelled = |version: &str| {
        let label = json!({"override_from": "old", "override_label": "percent(5)"});
        subgraph(json!([{"name": "x", "type": "Int", "federation": label}]), json!({"version": version}))
    };
    let linked = |url: &str| {
        let composed = json!({"compose_directives": [{"name": "@custom", "url": "https://myspecs.dev/custom/v1.0"}]});
        let mut schema = subgraph(json!([]), composed);
        schema["federation"]["schema_url"] = json!(url);
        schema
    };
    let composed =
        |name: &str, url: &str| subgraph(json!([]), json!({"compose_directives": [{"name": name, "url": url}]}));
    let declared = |definition: Value, applied: Value| {
        let mut schema = marked(json!([applied]));
        schema["directives"] = json!([definition]);
        schema
    };
    let cost = json!({"name": "@weight", "locations": ["FIELD_DEFINITION"],
        "arguments": [{"name": "value", "type": "Int", "nullable": false}]});
    let cases = vec![
        ("any version is fine", labelled("v2")),
        ("a version that suffices is fine", labelled("v2.9")),
        ("an older version", labelled("v2.6")),
        ("an older URL", linked("https://specs.example.com/federation/v2.0")),
        ("a URL that suffices is fine", linked("https://specs.example.com/federation/v2.1")),
        ("a URL that is no specification", composed("@custom", "https://myspecs.dev/custom")),
        ("composing what is composed", composed("@tag", "https://myspecs.dev/tag/v1.0")),
        ("undeclared is fine", marked(json!([{"name": "@a", "arguments": {"x": [1, 2.5], "y": null}}, {"name": "a"}]))),
        (
            "two types of one argument",
            marked(json!([{"name": "a", "arguments": {"x": 1}}, {"name": "a", "arguments": {"x": "1"}}])),
        ),
        ("an object", marked(json!([{"name": "a", "arguments": {"x": {"y": 1}}}]))),
        ("no name", marked(json!([{"name": "a-b"}]))),
        ("a key", marked(json!([{"name": "key", "arguments": {"fields": "id"}}]))),
        (
            "what the specification has is fine",
            marked(json!([{"name": "requiresScopes", "arguments": {"scopes": [["a"]]}}])),
        ),
        ("declared is fine", declared(cost.clone(), json!({"name": "weight", "arguments": {"value": 3}}))),
        ("unknown argument", declared(cost.clone(), json!({"name": "weight", "arguments": {"valeu": 3}}))),
        ("another type", declared(cost.clone(), json!({"name": "weight", "arguments": {"value": "3"}}))),
        ("declared elsewhere", declared(json!({"name": "a", "locations": ["OBJCT", "OBJECT"]}), json!({"name": "a"}))),
        ("declared already", declared(json!({"name": "tag", "locations": ["OBJECT"]}), json!({"name": "a"}))),
        ("no locations", declared(json!({"name": "a"}), json!({"name": "b"}))),
    ];
    insta::assert_snapshot!("versions", golden(cases, &project()));
}
