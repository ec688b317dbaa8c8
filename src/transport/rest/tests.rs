//! Requests, and what they are decoded to or refused with.

use std::time::Duration;

use http::Method;

use super::describe::Info;
use super::{Options, PageSizes, Rest, SelectLimits};
use serde_json::Value as Json;

use crate::intent::Intent;
use crate::intent::selection::{ConnectionPart, Selected, Selection};
use crate::schema::Schema;
use crate::schema::compile::{Project, Source, compile};

pub fn schema() -> Schema {
    let text = include_str!("../../../tests/samples/rest.json");
    let project = Project { service: "rest".to_owned(), federation: None };
    match compile(&Source { file: "rest.json", text }, &project) {
        Ok(compiled) => Schema::assumed(compiled.model),
        Err(problems) => panic!("{problems:?}"),
    }
}

pub fn wire(schema: &Schema) -> Rest {
    let options = Options {
        path: "/rest".to_owned(),
        info: Info { title: "rest".to_owned(), version: "1.0.0".to_owned(), description: None },
        docs: true,
        pages: PageSizes { default: 20, max: 100 },
        select: SelectLimits { depth_max: 6, fields_max: 60 },
        etag: true,
        body_bytes_max: 1 << 20,
        body_timeout: std::time::Duration::from_secs(20),
        response_bytes_max: 1 << 20,
        representations_max: 10,
        stream_idle_timeout: Duration::from_secs(1),
        bulk_affected_max: 10,
        delete_shows_entity: false,
        idempotency_ttl: Duration::from_secs(60),
    };
    Rest::new(schema, options)
}

/// The selection, the arguments of each place and the values, or the refusal.
fn decoded(target: &str) -> Result<(String, String, String), String> {
    let schema = schema();
    let intent = wire(&schema).intent(&schema, &Method::GET, target, Json::Null);
    let intent = intent.map_err(|error| format!("{} {}", error.code.name(), error.message))?;
    let Intent::Read(read) = intent else { panic!("{target} is no read") };
    let arguments: Vec<String> = read.arguments.iter().map(|site| format!("{site:?}")).collect();
    Ok((shown(&read.form.selection), arguments.join("\n"), format!("{:?}", read.values)))
}

fn shown(selection: &Selection) -> String {
    let list = |selected: &[Selected]| -> String {
        let one = |item: &Selected| {
            let alias = if item.key == item.field { String::new() } else { format!("{}:", item.key) };
            let implied = if item.implied { "?" } else { "" };
            let site = item.site.map(|site| format!("#{site}")).unwrap_or_default();
            format!("{alias}{}{implied}{site}{}", item.field, shown(&item.selection))
        };
        format!("({})", selected.iter().map(one).collect::<Vec<_>>().join(","))
    };
    match selection {
        Selection::Leaf => String::new(),
        Selection::Object(selected) => list(selected),
        Selection::Abstract(cases) => {
            cases.iter().map(|(name, selected)| format!("{name}{}", list(selected))).collect::<Vec<_>>().join("|")
        }
        Selection::Connection(parts) => {
            let part = |part: &ConnectionPart| match part {
                ConnectionPart::Nodes(selected) => format!("nodes{}", list(selected)),
                other => format!("{other:?}"),
            };
            parts.iter().map(|selected| part(&selected.part)).collect::<Vec<_>>().join(" ")
        }
    }
}

#[track_caller]
fn selects(select: &str, expected: Result<&str, &str>) {
    let target = if select.is_empty() { "/rest/users".to_owned() } else { format!("/rest/users?select={select}") };
    let found = decoded(&target).map(|(selection, _, _)| selection);
    assert_eq!(found.as_deref().map_err(String::as_str), expected, "{select}");
}

#[test]
fn selections() {
    let own = "id?,name?,age?,score?,active?,role?,tags?,settings?,createdAt?,address?(city?)";
    selects("", Ok(&format!("({own})")));
    selects("*", Ok(&format!("({own})")));
    selects("id,name", Ok("(id,name)"));
    selects(" id , created_at ", Ok("(id,createdAt)"));
    selects("id,id", Ok("(id)"));
    selects("who:name,__typename", Ok("(who:name,__typename)"));
    selects("*,posts(id)", Ok(&format!("({own},posts#1(id))")));
    selects("posts", Ok("(posts#1(id?,title?))"));
    selects(
        "posts(writer:author(name),comments(id)),other:posts(id)",
        Ok("(posts#1(writer:author(name),comments#2(id)),other:posts#3(id))"),
    );
    selects("address(city,within(city))", Ok("(address(city,within(city)))"));
    selects("nam", Err("INVALID_ARGUMENT select: User has no field \"nam\"; did you mean \"name\"?"));
    selects(
        "posts(zzzzzz)",
        Err("INVALID_ARGUMENT select: Post has no field \"zzzzzz\"; it may be one of id, title, author, comments"),
    );
    selects("id(x)", Err("INVALID_ARGUMENT id is a ID and has no fields to select"));
    selects("a:id,a:name", Err("INVALID_ARGUMENT select shows two fields as \"a\"; rename one: other:name"));
    selects(
        "posts(id),posts(id)",
        Err("INVALID_ARGUMENT select shows two fields as \"posts\"; rename one: other:posts"),
    );
    selects("posts(id", Err("INVALID_ARGUMENT select ends within parentheses; \")\" is missing"));
    for bad in ["id,", "posts()", ",id", "1a"] {
        assert!(decoded(&format!("/rest/users?select={bad}")).is_err(), "{bad}");
    }
    selects("id)", Err("INVALID_ARGUMENT select has an unexpected \")\"; write it as id,name,posts(id,title)"));
    selects("x:*", Err("INVALID_ARGUMENT * stands for all fields and cannot be renamed"));
    selects(
        "posts(author(posts(author(posts(author(posts(id)))))))",
        Err("TOO_COMPLEX select is nested deeper than 6 levels"),
    );
    let many: Vec<String> = (0..61).map(|i| format!("a{i}:id")).collect();
    selects(&many.join(","), Err("TOO_COMPLEX select asks for more than 60 fields"));
}

#[test]
fn types_behind_a_union() {
    let found = |query: &str| decoded(&format!("/rest/feed{query}")).map(|(selection, _, _)| selection);
    assert_eq!(found("").unwrap(), "Post(__typename,id?,title?)|Ad(__typename,id?,text?)");
    assert_eq!(found("?select=id,text").unwrap(), "Post(id)|Ad(id,text)");
    assert_eq!(
        found("?select=id,txt").unwrap_err(),
        "INVALID_ARGUMENT select: FeedItem has no field \"txt\"; did you mean \"text\"?"
    );
    assert!(found("?sort=id").is_err() && found("?id=1").is_err());
}

#[test]
fn conditions() {
    let cases = [
        "name=Ann",
        "age[gte]=18&age[lt]=65",
        "active=true&role=ADMIN&created_at[gt]=2024-05-01",
        "age[in]=1,2,3&role[nin]=(ADMIN,MEMBER)",
        "name[in]=%22a,b%22,c",
        "age[isNull]=true&score[is_null]=false&name[_eq]=x",
        "name[icontains]=50%25_",
        "tags[contains]=a,b&tags[lenGt]=2",
        "settings[contains]={%22a%22:1}&settings[hasKey]=a",
        "address.city=Paris",
        "or=(age[gte]=18,name[eq]=Ann)",
        "and=(not(active=true),or=(age=1,age[in]=(2,3)))&not=(age=4,name=%22a,b)%22)",
        "filter={%22age%22:{%22gt%22:5},%22posts%22:{%22title%22:{%22like%22:%22x%25%22}}}",
        "sort=-createdAt,name&limit=3&offset=6",
        "sort=age.desc.nullslast,-score.nullsfirst",
        "select=id,posts(id,comments(id))&posts.limit=3&posts.sort=-title&posts.title[like]=x%25&posts.offset=1\
         &posts.comments.rating[gt]=3&posts.author.name=Bob&posts.or=(title=a,title=b)",
        "select=p:posts(id),q:posts(id)&p.limit=1&q.limit=2",
    ];
    let mut out = String::new();
    for case in cases {
        let (_, arguments, values) =
            decoded(&format!("/rest/users?{case}")).unwrap_or_else(|error| panic!("{case}: {error}"));
        out.push_str(&format!("--- {case}\n{arguments}\n{values}\n"));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn refusals() {
    let cases = [
        "users?nam=x",
        "users?zzzzzzzz=x",
        "users?age[foo]=1",
        "users?age[=1",
        "users?age=abc",
        "users?age=1.5",
        "users?active=yes",
        "users?role=BOSS",
        "users?role[in]=ADMIN,BOSS",
        "users?createdAt=now",
        "users?age[isNull]=x",
        "users?address=x",
        "users?address.town=x",
        "users?posts.title=x",
        "users?name.first=x",
        "users?limit=-1",
        "users?limit=1e3",
        "users?limit=101",
        "users?limit=1&limit=2",
        "users?offset=x",
        "users?sort=nope",
        "users?sort=posts",
        "users?sort=",
        "users?sort=age.up",
        "users?first=1",
        "users?filter={",
        "users?filter={%22nam%22:1}",
        "users?filter=5",
        "users?or=age=1",
        "users?or=(age=1",
        "users?or=(age=1))",
        "users?or=()",
        "users?or=(age)",
        "users?select=id&select=name",
        "users?select=posts(id)&posts.nope=1",
        "users?select=posts(id)&posts.first=1",
        "users/1?name=x",
        "users/1?limit=1",
        "users/1?id=2",
        "users/1?posts.limit=1",
        "users?posts.limit=1",
        "usersCount?select=id",
        "usersCount?limit=1",
        "allUsers?limit=1",
        "allUsers?first=1&last=1",
        "allUsers?first=101",
        "allUsers?after=x",
        "usersByRole",
        "usersByRole?role=BOSS",
        "usersByRole?role=ADMIN&role=ADMIN",
        "usersByRole?role=ADMIN&name=x",
        "usersByRole?role=ADMIN&sort=name",
        "usersByRole?role=ADMIN&min_age=x",
        "nothing",
        "user",
        "users/",
    ];
    let mut out = String::new();
    for case in cases {
        match decoded(&format!("/rest/{case}")) {
            Ok(found) => panic!("{case} is accepted: {found:?}"),
            Err(error) => out.push_str(&format!("{case}\n  {error}\n")),
        }
    }
    insta::assert_snapshot!(out);
}

#[test]
fn pages() {
    let page = |target: &str| decoded(&format!("/rest/{target}")).unwrap().1;
    for (target, expected) in [
        ("users", "limit: Some(20), probe: true, offset: None"),
        ("users?limit=100&offset=40", "limit: Some(100), probe: true, offset: Some(0)"),
        ("usersByRole?role=ADMIN", "limit: Some(5), probe: true, offset: None"),
        ("usersByRole?role=ADMIN&limit=7", "limit: Some(7), probe: true, offset: None"),
        ("feed?limit=2", "limit: Some(2), probe: true, offset: None"),
        ("allUsers", "limit: Some(20), probe: false, offset: None, after: None, before: None, backward: false"),
        ("allUsers?last=3", "limit: Some(3), probe: false, offset: None, after: None, before: None, backward: true"),
        ("allUsers?first=3&after=WyJhIl0=", "after: Some(Cursor([Some(0)]))"),
    ] {
        let found = page(target);
        assert!(found.contains(expected), "{target}: {found}");
    }
}
