//! The table: each question as GraphQL, REST and gRPC spell it.

use serde_json::Value as Json;

/// A question that is answered.
pub struct Case {
    /// The one root field of a query.
    pub graphql: &'static str,
    /// Below `/rest/`, not escaped. REST pages by 20 where nothing else is said, so that lists say `limit`.
    pub rest: &'static str,
    /// The method, and the request as JSON.
    pub grpc: (&'static str, &'static str),
    /// Of the token that is sent, as JSON.
    pub claims: Option<&'static str>,
    pub answer: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Rows,
    /// No rows: an empty list.
    Empty,
    /// A page by cursor.
    Connection,
}

/// A filter of `items` and `itemDocs`: as JSON on every wire, and in REST's brackets where those can say it.
pub struct Filter {
    pub json: &'static str,
    pub rest: &'static str,
}

/// A question that is refused. A wire without a way to ask it has `None`.
pub struct Refusal {
    pub graphql: Option<&'static str>,
    pub rest: Option<&'static str>,
    pub grpc: Option<(&'static str, &'static str)>,
    pub claims: Option<&'static str>,
    pub code: &'static str,
    /// What every message names.
    pub names: &'static str,
}

/// Text as the requests below abbreviate it, so that a row of the table is a line.
pub fn request(text: &str) -> Json {
    let text = text.replace("\"ASC", "\"ORDER_DIRECTION_ASC").replace("\"DESC", "\"ORDER_DIRECTION_DESC");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Values of enums as protobuf names them.
pub fn enums(json: &Json) -> Json {
    match json {
        Json::String(text) if ["SMALL", "LARGE", "ODD"].contains(&text.as_str()) => format!("KIND_{text}").into(),
        Json::Array(items) => items.iter().map(enums).collect(),
        Json::Object(map) => map.iter().map(|(name, value)| (name.clone(), enums(value))).collect(),
        other => other.clone(),
    }
}

/// Rows of `v_odd`: what is absent, null, empty and nested in a document, and last one that fits nowhere.
pub const ODD_ROWS: &str = r#"
    INSERT INTO tb_odd (pk_odd, data) VALUES
        (1, '{"strict": "a", "text": null, "kinds": [], "strict_inner": {"strict": "x"}}'),
        (2, '{"strict": "b", "text": "", "size": 0, "kind": "odd", "kinds": ["odd", "small-size"], "loose": [], "day": "2024-02-29",
              "inner": {"strict": "i", "below": {"strict": "j", "free": "f"}}, "list": [{"strict": "k"}, {"strict": "l", "free": null}],
              "loose_list": null, "strict_inner": {"strict": "y", "free": "", "below": null}}'),
        (3, '{"strict": null, "size": 3, "strict_inner": {"strict": "z"}}')"#;

const fn case(graphql: &'static str, rest: &'static str, method: &'static str, request: &'static str) -> Case {
    Case { graphql, rest, grpc: (method, request), claims: None, answer: Answer::Rows }
}

impl Case {
    const fn of(self, claims: &'static str) -> Case {
        Case { claims: Some(claims), ..self }
    }

    const fn that_is(self, answer: Answer) -> Case {
        Case { answer, ..self }
    }
}

const BOTH: &str = r#"{"scope": "read:masked read:rejected"}"#;

#[rustfmt::skip]
pub fn reads() -> Vec<Case> {
    use Answer::{Connection, Empty};
    vec![
        // Every scalar, enums, lists, embedded objects and lists, nulls among all of them: from columns and documents.
        case("items(orderBy: [{name: ASC}]) { id name note size total weight price active madeAt day at code kind tags meta owner { fullName age } parts { sku qty } }",
            "items?sort=name&limit=100", "ListItems", r#"{"orderBy": [{"name": "ASC"}]}"#),
        case("itemDocs(orderBy: [{name: ASC}]) { id name note size total weight price active madeAt day at code kind tags meta owner { fullName age } parts { sku qty } }",
            "itemDocs?sort=name&limit=100", "ListItemDocs", r#"{"orderBy": [{"name": "ASC"}]}"#),
        case(r#"item(id: "ebe31693-e6d0-98c0-4e49-3735df1ab2d7") { id name note size tags parts { sku qty } }"#,
            "items/ebe31693-e6d0-98c0-4e49-3735df1ab2d7?select=id,name,note,size,tags,parts", "GetItem",
            r#"{"id": "ebe31693-e6d0-98c0-4e49-3735df1ab2d7", "readMask": "id,name,note,size,tags,parts"}"#),
        case(r#"itemDoc(id: "ebe31693-e6d0-98c0-4e49-3735df1ab2d7") { id name total madeAt meta owner { age } }"#,
            "itemDocs/ebe31693-e6d0-98c0-4e49-3735df1ab2d7?select=id,name,total,made_at,meta,owner(age)", "GetItemDoc",
            r#"{"id": "ebe31693-e6d0-98c0-4e49-3735df1ab2d7", "readMask": "id,name,total,madeAt,meta,owner.age"}"#),
        // Documents: absent, null, empty, an enum inside, objects within objects.
        case("odds(orderBy: [{strict: ASC}], limit: 2) { text size kind kinds loose day inner { strict free below { strict free } } list { strict free } looseList { strict } strictInner { strict free below { strict } } }",
            "odds?sort=strict&limit=2&select=text,size,kind,kinds,loose,day,inner(strict,free,below(strict,free)),list(strict,free),looseList(strict),strictInner(strict,free,below(strict))",
            "ListOdds", r#"{"orderBy": [{"strict": "ASC"}], "limit": 2, "readMask": "text,size,kind,kinds,loose,day,inner.strict,inner.free,inner.below.strict,inner.below.free,list.strict,list.free,looseList.strict,strictInner.strict,strictInner.free,strictInner.below.strict"}"#),
        // Joins: an object, a list, both to some depth, lists with arguments of their own, an empty list.
        case("items(orderBy: [{name: ASC}]) { name category { name rank } }",
            "items?sort=name&limit=100&select=name,category(name,rank)", "ListItems",
            r#"{"orderBy": [{"name": "ASC"}], "readMask": "name,category.name,category.rank"}"#),
        case("categories(orderBy: [{name: ASC}]) { name items(where: {size: {gt: 2}}, orderBy: [{name: DESC}], limit: 2) { name } }",
            "categories?sort=name&select=name,items(name)&items.size[gt]=2&items.sort=-name&items.limit=2", "ListCategories",
            r#"{"orderBy": [{"name": "ASC"}], "readMask": "name,items.name", "joins": {"items": {"where": {"size": {"gt": 2}}, "orderBy": [{"name": "DESC"}], "limit": 2}}}"#),
        case("categories(orderBy: [{name: ASC}]) { name items(limit: 2, offset: 1, orderBy: [{size: ASC_NULLS_FIRST}, {name: ASC}]) { name category { name items(limit: 1, orderBy: [{name: ASC}]) { name } } } }",
            "categories?sort=name&select=name,items(name,category(name,items(name)))&items.limit=2&items.offset=1&items.sort=size.nullsfirst,name&items.category.items.limit=1&items.category.items.sort=name",
            "ListCategories", r#"{"orderBy": [{"name": "ASC"}], "readMask": "name,items.name,items.category.name,items.category.items.name",
                "joins": {"items": {"limit": 2, "offset": 1, "orderBy": [{"size": "ASC_NULLS_FIRST"}, {"name": "ASC"}],
                "joins": {"category": {"items": {"limit": 1, "orderBy": [{"name": "ASC"}]}}}}}}"#),
        case("items(limit: 3, orderBy: [{name: ASC}]) { category { items(limit: 0) { name } } }",
            "items?limit=3&sort=name&select=category(items(name))&category.items.limit=0", "ListItems",
            r#"{"limit": 3, "orderBy": [{"name": "ASC"}], "readMask": "category.items.name", "joins": {"category": {"items": {"limit": 0}}}}"#),
        // Orders: where nulls go by themselves, and where they are sent.
        case("items(orderBy: [{note: ASC}, {name: ASC}]) { name note }",
            "items?sort=note,name&limit=100&select=name,note", "ListItems", r#"{"orderBy": [{"note": "ASC"}, {"name": "ASC"}], "readMask": "name,note"}"#),
        case("items(orderBy: [{note: DESC}, {name: ASC}]) { name note }",
            "items?sort=-note,name&limit=100&select=name,note", "ListItems", r#"{"orderBy": [{"note": "DESC"}, {"name": "ASC"}], "readMask": "name,note"}"#),
        case("items(orderBy: [{weight: ASC_NULLS_FIRST}, {name: DESC}]) { name weight }",
            "items?sort=weight.nullsfirst,-name&limit=100&select=name,weight", "ListItems",
            r#"{"orderBy": [{"weight": "ASC_NULLS_FIRST"}, {"name": "DESC"}], "readMask": "name,weight"}"#),
        case("itemDocs(orderBy: [{madeAt: DESC_NULLS_LAST}, {name: ASC}]) { name madeAt }",
            "itemDocs?sort=-madeAt.nullslast,name&limit=100&select=name,madeAt", "ListItemDocs",
            r#"{"orderBy": [{"madeAt": "DESC_NULLS_LAST"}, {"name": "ASC"}], "readMask": "name,madeAt"}"#),
        case("itemDocs(orderBy: [{price: ASC_NULLS_LAST}, {name: ASC}]) { name price }",
            "itemDocs?sort=price.nullslast,name&limit=100&select=name,price", "ListItemDocs",
            r#"{"orderBy": [{"price": "ASC_NULLS_LAST"}, {"name": "ASC"}], "readMask": "name,price"}"#),
        case("items(orderBy: [{kind: DESC_NULLS_FIRST}, {name: ASC}]) { name kind }",
            "items?sort=-kind.nullsfirst,name&limit=100&select=name,kind", "ListItems",
            r#"{"orderBy": [{"kind": "DESC_NULLS_FIRST"}, {"name": "ASC"}], "readMask": "name,kind"}"#),
        // Pages by offset.
        case("items(limit: 7, offset: 11) { name }", "items?limit=7&offset=11&select=name", "ListItems", r#"{"limit": 7, "offset": 11, "readMask": "name"}"#),
        case("items(limit: 7, offset: 55, orderBy: [{size: DESC}]) { name }", "items?limit=7&offset=55&sort=-size&select=name",
            "ListItems", r#"{"limit": 7, "offset": 55, "orderBy": [{"size": "DESC"}], "readMask": "name"}"#),
        case("items(limit: 0) { name }", "items?limit=0&select=name", "ListItems", r#"{"limit": 0, "readMask": "name"}"#).that_is(Empty),
        case("items(limit: 5, offset: 1000) { name }", "items?limit=5&offset=1000&select=name", "ListItems", r#"{"limit": 5, "offset": 1000, "readMask": "name"}"#).that_is(Empty),
        case("items(limit: 3, where: {size: {eq: 1000}}) { name }", "items?limit=3&size=1000&select=name", "ListItems",
            r#"{"limit": 3, "where": {"size": {"eq": 1000}}, "readMask": "name"}"#).that_is(Empty),
        case("itemsFew { name }", "itemsFew?select=name", "ListItemsFew", r#"{"readMask": "name"}"#),
        case("itemsFew(limit: 5) { name }", "itemsFew?limit=5&select=name", "ListItemsFew", r#"{"limit": 5, "readMask": "name"}"#),
        // Pages by cursor.
        case("itemsPaged(first: 4, orderBy: [{size: DESC}]) { edges { node { name } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }",
            "itemsPaged?first=4&sort=-size&select=name", "ListItemsPaged",
            r#"{"first": 4, "orderBy": [{"size": "DESC"}], "readMask": "edges.node.name,pageInfo"}"#).that_is(Connection),
        case("itemDocsPaged(last: 4, orderBy: [{name: ASC}]) { edges { node { name note } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }",
            "itemDocsPaged?last=4&sort=name&select=name,note", "ListItemDocsPaged",
            r#"{"last": 4, "orderBy": [{"name": "ASC"}], "readMask": "edges.node.name,edges.node.note,pageInfo"}"#).that_is(Connection),
        case("itemsPaged(first: 3, where: {size: {eq: 1000}}) { edges { node { name } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }",
            "itemsPaged?first=3&size=1000&select=name", "ListItemsPaged",
            r#"{"first": 3, "where": {"size": {"eq": 1000}}, "readMask": "edges.node.name,pageInfo"}"#).that_is(Connection),
        // Counts.
        case("itemsCount", "itemsCount", "GetItemsCount", "{}"),
        case("itemsCount(where: {size: {gte: 3}, note: {isNull: false}})", "itemsCount?size[gte]=3&note[isNull]=false", "GetItemsCount",
            r#"{"where": {"size": {"gte": 3}, "note": {"isNull": false}}}"#),
        case("itemsCount(where: {size: {eq: 1000}})", "itemsCount?size=1000", "GetItemsCount", r#"{"where": {"size": {"eq": 1000}}}"#),
        // Arguments that a column has to equal.
        case(r#"itemsBy(orderBy: [{name: ASC}], kind: LARGE, note: "note 1") { name kind }"#, "itemsBy?sort=name&kind=LARGE&note=note 1&select=name,kind",
            "ListItemsBy", r#"{"orderBy": [{"name": "ASC"}], "kind": "KIND_LARGE", "note": "note 1", "readMask": "name,kind"}"#),
        case("itemsBy(orderBy: [{name: ASC}], fkCategory: 2) { name }", "itemsBy?sort=name&fk_category=2&select=name&limit=100",
            "ListItemsBy", r#"{"orderBy": [{"name": "ASC"}], "fkCategory": 2, "readMask": "name"}"#),
        // Interfaces and unions.
        case("animals(orderBy: [{name: ASC}]) { __typename id name ... on Cat { livesLeft } ... on Dog { breed friends { __typename ... on Cat { id name livesLeft } ... on Dog { id name breed } } } }",
            "animals?sort=name", "ListAnimals", r#"{"orderBy": [{"name": "ASC"}]}"#),
        case("pets(limit: 2, offset: 1) { __typename ... on Cat { id name livesLeft } ... on Dog { id name breed friends { __typename ... on Cat { id name livesLeft } ... on Dog { id name breed } } } }",
            "pets?limit=2&offset=1", "ListPets", r#"{"limit": 2, "offset": 1}"#),
        // The row-shaped twin of a view, and the view itself when something is asked for that only it has.
        case("things(orderBy: [{size: ASC}]) { name size }", "things?sort=size&select=name,size", "ListThings", r#"{"orderBy": [{"size": "ASC"}], "readMask": "name,size"}"#),
        case("things(orderBy: [{size: ASC}]) { name remark }", "things?sort=size&select=name,remark", "ListThings", r#"{"orderBy": [{"size": "ASC"}], "readMask": "name,remark"}"#),
        // What a caller may see.
        case("secrets(orderBy: [{name: ASC}]) { id name masked inner { open masked } }", "secrets?sort=name", "ListSecrets", r#"{"orderBy": [{"name": "ASC"}]}"#),
        case("secrets(orderBy: [{name: ASC}]) { id name masked inner { open masked } }", "secrets?sort=name", "ListSecrets", r#"{"orderBy": [{"name": "ASC"}]}"#).of(r#"{"scope": "read:masked"}"#),
        case("secrets(orderBy: [{name: ASC}]) { id name masked rejected inner { open masked rejected } }", "secrets?sort=name", "ListSecrets", r#"{"orderBy": [{"name": "ASC"}]}"#).of(BOTH),
        case(r#"secrets(where: {masked: {eq: "masked 2"}}) { name }"#, "secrets?masked=masked 2&select=name", "ListSecrets", r#"{"where": {"masked": {"eq": "masked 2"}}, "readMask": "name"}"#).of(BOTH),
        case("tenantSecrets { name }", "tenantSecrets?select=name", "ListTenantSecrets", r#"{"readMask": "name"}"#).of(r#"{"tenant_id": "tenant-2"}"#),
        case("tenantSecrets { name }", "tenantSecrets?select=name", "ListTenantSecrets", r#"{"readMask": "name"}"#).of(r#"{"tenant_id": "nobody"}"#).that_is(Empty),
        case("adminSecrets { name }", "adminSecrets?select=name", "ListAdminSecrets", r#"{"readMask": "name"}"#).of(r#"{"roles": ["admin"]}"#),
    ]
}

#[rustfmt::skip]
pub const FILTERS: &[Filter] = &[
    // Text.
    Filter { json: r#"{"note": {"eq": "note 3"}}"#, rest: "note=note 3" },
    Filter { json: r#"{"note": {"neq": "note 3"}}"#, rest: "note[neq]=note 3" },
    Filter { json: r#"{"note": {"gt": "note 1", "lte": "note 4"}}"#, rest: "note[gt]=note 1&note[lte]=note 4" },
    Filter { json: r#"{"note": {"in": ["note 1", "note 2"]}}"#, rest: "note[in]=note 1,note 2" },
    Filter { json: r#"{"note": {"nin": ["note 1", "note 2"]}}"#, rest: "note[nin]=(note 1,note 2)" },
    Filter { json: r#"{"note": {"isNull": true}}"#, rest: "note[isNull]=true" },
    Filter { json: r#"{"note": {"isNotNull": true}}"#, rest: "note[isNotNull]=true" },
    Filter { json: r#"{"name": {"like": "_lain 1%"}}"#, rest: "name[like]=_lain 1%" },
    Filter { json: r#"{"name": {"nlike": "_lain%"}}"#, rest: "name[nlike]=_lain%" },
    Filter { json: r#"{"name": {"ilike": "PLAIN%"}}"#, rest: "name[ilike]=PLAIN%" },
    Filter { json: r#"{"name": {"contains": "0% "}}"#, rest: "name[contains]=0% " },
    Filter { json: r#"{"name": {"icontains": "LAIN"}}"#, rest: "name[icontains]=LAIN" },
    Filter { json: r#"{"name": {"startsWith": "100%"}}"#, rest: "name[startsWith]=100%" },
    Filter { json: r#"{"name": {"istartsWith": "pLAIN"}}"#, rest: "name[istarts_with]=pLAIN" },
    Filter { json: r#"{"name": {"endsWith": "'quoted' 5"}}"#, rest: "name[endsWith]='quoted' 5" },
    Filter { json: r#"{"name": {"regex": "^[Pp]lain [12]"}}"#, rest: "name[regex]=^[Pp]lain [12]" },
    Filter { json: r#"{"name": {"niregex": "^plain"}}"#, rest: "name[niregex]=^plain" },
    Filter { json: r#"{"id": {"eq": "ebe31693-e6d0-98c0-4e49-3735df1ab2d7"}}"#, rest: "id=ebe31693-e6d0-98c0-4e49-3735df1ab2d7" },
    Filter { json: r#"{"id": {"in": ["ebe31693-e6d0-98c0-4e49-3735df1ab2d7", "cabf67b0-be34-694c-d96a-9ec1c0ef766e"]}}"#,
        rest: "id[in]=ebe31693-e6d0-98c0-4e49-3735df1ab2d7,cabf67b0-be34-694c-d96a-9ec1c0ef766e" },
    // Numbers, times and what else has an order.
    Filter { json: r#"{"size": {"gte": 3, "lt": 5}}"#, rest: "size[gte]=3&size[lt]=5" },
    Filter { json: r#"{"size": {"nin": [1, 2]}}"#, rest: "size[nin]=1,2" },
    Filter { json: r#"{"total": {"gt": "9007199254741011"}}"#, rest: "total[gt]=9007199254741011" },
    Filter { json: r#"{"weight": {"lte": 2.5}}"#, rest: "weight[lte]=2.5" },
    Filter { json: r#"{"price": {"eq": "23.00"}}"#, rest: "price=23.00" },
    Filter { json: r#"{"price": {"lt": "34.5"}}"#, rest: "price[lt]=34.5" },
    Filter { json: r#"{"madeAt": {"gt": "2024-01-08T02:00:00Z"}}"#, rest: "made_at[gt]=2024-01-08T02:00:00Z" },
    Filter { json: r#"{"day": {"lt": "2024-01-23"}}"#, rest: "day[lt]=2024-01-23" },
    Filter { json: r#"{"at": {"gte": "09:16:00"}}"#, rest: "at[gte]=09:16:00" },
    Filter { json: r#"{"code": {"eq": "fd190b3b-77b0-cdaf-f3c3-2add4ccb88b2"}}"#, rest: "code=fd190b3b-77b0-cdaf-f3c3-2add4ccb88b2" },
    // Booleans and enums.
    Filter { json: r#"{"active": {"eq": true}}"#, rest: "active=true" },
    Filter { json: r#"{"active": {"neq": true}}"#, rest: "active[neq]=true" },
    Filter { json: r#"{"kind": {"eq": "SMALL"}}"#, rest: "kind=SMALL" },
    Filter { json: r#"{"kind": {"in": ["SMALL", "ODD"]}}"#, rest: "kind[in]=SMALL,ODD" },
    Filter { json: r#"{"kind": {"isNull": true}}"#, rest: "kind[is_null]=true" },
    // Lists.
    Filter { json: r#"{"tags": {"contains": ["red"]}}"#, rest: "tags[contains]=red" },
    Filter { json: r#"{"tags": {"overlaps": ["blue", "green"]}}"#, rest: "tags[overlaps]=blue,green" },
    Filter { json: r#"{"tags": {"lengthGte": 1}}"#, rest: "tags[lengthGte]=1" },
    // JSON.
    Filter { json: r#"{"meta": {"eq": {"a": 1}}}"#, rest: r#"meta={"a": 1}"# },
    Filter { json: r#"{"meta": {"contains": {"a": 1}}}"#, rest: r#"meta[contains]={"a": 1}"# },
    Filter { json: r#"{"meta": {"hasKey": "b"}}"#, rest: "meta[hasKey]=b" },
    // Through embedded objects and lists, and through joins.
    Filter { json: r#"{"owner": {"fullName": {"eq": "Owner 3"}}}"#, rest: "owner.full_name=Owner 3" },
    Filter { json: r#"{"owner": {"age": {"gt": 4}}}"#, rest: "owner.age[gt]=4" },
    Filter { json: r#"{"parts": {"qty": {"gte": 3}, "sku": {"startsWith": "s"}}}"#, rest: "" },
    Filter { json: r#"{"parts": {"sku": {"eq": "t"}}}"#, rest: "parts.sku=t" },
    Filter { json: r#"{"category": {"name": {"eq": "Category 2"}}}"#, rest: "category.name=Category 2" },
    Filter { json: r#"{"category": {"items": {"size": {"eq": 7}}}}"#, rest: "" },
    // And, or, not.
    Filter { json: r#"{"or": [{"size": {"eq": 1}}, {"name": {"eq": "Plain 6"}}]}"#, rest: "or=(size=1,name=\"Plain 6\")" },
    Filter { json: r#"{"not": {"note": {"eq": "note 1"}}}"#, rest: "not=(note=note 1)" },
    Filter { json: r#"{"and": [{"or": [{"size": {"eq": 1}}, {"size": {"eq": 2}}]}, {"not": {"active": {"eq": true}}}]}"#,
        rest: "and=(or(size=1,size=2),not(active=true))" },
];

const fn refusal(
    graphql: &'static str,
    rest: &'static str,
    grpc: (&'static str, &'static str),
    code: &'static str,
    names: &'static str,
) -> Refusal {
    Refusal { graphql: Some(graphql), rest: Some(rest), grpc: Some(grpc), claims: None, code, names }
}

impl Refusal {
    const fn of(self, claims: &'static str) -> Refusal {
        Refusal { claims: Some(claims), ..self }
    }
}

const INVALID: &str = "INVALID_ARGUMENT";
const UNKNOWN: &str = "UNAUTHENTICATED";
const FORBIDDEN: &str = "FORBIDDEN";
const MISMATCH: &str = "DATA_MISMATCH";
const COMPLEX: &str = "TOO_COMPLEX";

#[rustfmt::skip]
pub const REFUSALS: &[Refusal] = &[
    // Arguments that make no sense. gRPC's messages are typed: most of them cannot be said there.
    refusal("items { nam }", "items?select=nam", ("ListItems", r#"{"readMask": "nam"}"#), INVALID, "nam"),
    refusal("items { owner { nobody } }", "items?select=owner(nobody)", ("ListItems", r#"{"readMask": "owner.nobody"}"#), INVALID, "nobody"),
    refusal("items { name { x } }", "items?select=name(x)", ("ListItems", r#"{"readMask": "name.x"}"#), INVALID, ""),
    refusal("items(limit: -1) { name }", "items?limit=-1", ("ListItems", r#"{"limit": -1}"#), INVALID, "limit"),
    refusal("items(offset: -1) { name }", "items?offset=-1", ("ListItems", r#"{"offset": -1}"#), INVALID, "offset"),
    refusal(r#"items(where: {code: {eq: "x"}}) { name }"#, "items?code=x", ("ListItems", r#"{"where": {"code": {"eq": "x"}}}"#), INVALID, "is not a UUID"),
    refusal(r#"items(where: {day: {lt: "yesterday"}}) { name }"#, "items?day[lt]=yesterday", ("ListItems", r#"{"where": {"day": {"lt": "yesterday"}}}"#), INVALID, "yesterday"),
    refusal(r#"items(where: {price: {gt: "much"}}) { name }"#, "items?price[gt]=much", ("ListItems", r#"{"where": {"price": {"gt": "much"}}}"#), INVALID, "much"),
    refusal(r#"items(where: {name: {regex: "("}}) { name }"#, "items?name[regex]=(", ("ListItems", r#"{"where": {"name": {"regex": "("}}}"#), INVALID, "regular expression"),
    refusal(r#"item(id: "x") { name }"#, "items/x", ("GetItem", r#"{"id": "x"}"#), INVALID, "is not a UUID"),
    refusal("itemsPaged(first: 1, last: 1) { edges { cursor } }", "itemsPaged?first=1&last=1", ("ListItemsPaged", r#"{"first": 1, "last": 1}"#), INVALID, "first or last"),
    refusal(r#"itemsPaged(first: 1, after: "nonsense") { edges { cursor } }"#, "itemsPaged?first=1&after=nonsense", ("ListItemsPaged", r#"{"first": 1, "after": "nonsense"}"#), INVALID, "cursor"),
    Refusal { grpc: None, ..refusal("items(where: {size: {near: 1}}) { name }", "items?size[near]=1", ("", ""), INVALID, "near") },
    Refusal { grpc: None, ..refusal("items(where: {nam: {eq: 1}}) { name }", "items?nam=1", ("", ""), INVALID, "nam") },
    Refusal { grpc: None, ..refusal("items(orderBy: [{nam: ASC}]) { name }", "items?sort=nam", ("", ""), INVALID, "nam") },
    Refusal { grpc: None, ..refusal("items(where: {kind: {eq: HUGE}}) { name }", "items?kind=HUGE", ("", ""), INVALID, "HUGE") },
    Refusal { grpc: None, ..refusal(r#"items(where: {size: {eq: "x"}}) { name }"#, "items?size=x", ("", ""), INVALID, "") },
    Refusal { graphql: None, ..refusal("", "items?filter={\"size\": {}, \"or\": 1}", ("ListItems", r#"{"where": {"kind": {"eq": 9}}}"#), INVALID, "") },
    Refusal { rest: None, grpc: None, ..refusal("items(where: {size: {eq: null}}) { name }", "", ("", ""), INVALID, "isNull") },
    // Nobody, somebody, the wrong somebody.
    refusal("secrets { rejected }", "secrets?select=rejected", ("ListSecrets", r#"{"readMask": "rejected"}"#), UNKNOWN, "rejected"),
    refusal("secrets { rejected }", "secrets?select=rejected", ("ListSecrets", r#"{"readMask": "rejected"}"#), FORBIDDEN, "rejected").of(r#"{"scope": "read:masked"}"#),
    refusal("secrets { inner { rejected } }", "secrets?select=inner(rejected)", ("ListSecrets", r#"{"readMask": "inner.rejected"}"#), UNKNOWN, "rejected"),
    refusal(r#"secrets(where: {masked: {eq: "x"}}) { name }"#, "secrets?masked=x", ("ListSecrets", r#"{"where": {"masked": {"eq": "x"}}}"#), UNKNOWN, "masked"),
    refusal(r#"secrets(where: {not: {masked: {isNull: true}}}) { name }"#, "secrets?not=(masked[isNull]=true)", ("ListSecrets", r#"{"where": {"not": {"masked": {"isNull": true}}}}"#), FORBIDDEN, "masked").of("{}"),
    refusal("secrets(orderBy: [{masked: ASC}]) { name }", "secrets?sort=masked", ("ListSecrets", r#"{"orderBy": [{"masked": "ASC"}]}"#), UNKNOWN, "masked"),
    refusal("adminSecrets { name }", "adminSecrets", ("ListAdminSecrets", "{}"), UNKNOWN, "adminSecrets"),
    refusal("adminSecrets { name }", "adminSecrets", ("ListAdminSecrets", "{}"), FORBIDDEN, "adminSecrets").of(r#"{"roles": ["editor"]}"#),
    refusal("tenantSecrets { name }", "tenantSecrets", ("ListTenantSecrets", "{}"), UNKNOWN, "tenant_id"),
    refusal("tenantSecrets { name }", "tenantSecrets", ("ListTenantSecrets", "{}"), FORBIDDEN, "tenant_id").of("{}"),
    refusal("items { name }", "items?select=name", ("ListItems", "{}"), UNKNOWN, "the token has expired").of(r#"{"exp": 1000000}"#),
    // No such row. In GraphQL a nullable field is then null, which is no error.
    Refusal { graphql: None, ..refusal("", "items/00000000-0000-0000-0000-000000000000", ("GetItem", r#"{"id": "00000000-0000-0000-0000-000000000000"}"#), "NOT_FOUND", "no") },
    // Stored values that do not fit: the row is the last one of `ODD_ROWS`.
    refusal("odds { strict }", "odds?select=strict", ("ListOdds", r#"{"readMask": "strict"}"#), MISMATCH, "Odd.strict"),
    refusal("odds(where: {size: {eq: 3}}) { strict }", "odds?size=3&select=strict", ("ListOddsPages", r#"{"where": {"size": {"eq": 3}}, "readMask": "strict"}"#), MISMATCH, "Odd.strict"),
    refusal("oddsPaged(first: 9) { edges { node { strict } } }", "oddsPaged?first=9&select=strict", ("ListOddsPaged", r#"{"first": 9, "readMask": "edges.node.strict"}"#), MISMATCH, "Odd.strict"),
];

/// With `max_page_rows = 7` and `max_depth = 3`.
#[rustfmt::skip]
pub const LIMITS: &[Refusal] = &[
    refusal("items(limit: 8) { name }", "items?limit=8", ("ListItems", r#"{"limit": 8}"#), COMPLEX, "7"),
    refusal("itemsPaged(first: 8) { edges { cursor } }", "itemsPaged?first=8", ("ListItemsPaged", r#"{"first": 8, "readMask": "edges.cursor"}"#), COMPLEX, "7"),
    refusal("categories { items(limit: 8) { name } }", "categories?select=items(name)&items.limit=8", ("ListCategories", r#"{"readMask": "items.name", "joins": {"items": {"limit": 8}}}"#), COMPLEX, "7"),
    refusal("items { category { items { category { name } } } }", "items?select=category(items(category(name)))", ("ListItems", r#"{"readMask": "category.items.category.name"}"#), COMPLEX, "3"),
];
