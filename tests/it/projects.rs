//! The projects that users start from: their SQL loads.

use crate::harness::{Database, ask, crate_path};

#[tokio::test]
async fn the_shop_loads() {
    let database = Database::of_directory(crate_path("examples/shop/sql"));
    assert_eq!(ask(&database.url(), "SELECT count(*) FROM v_user").await.unwrap(), 20_000);
}

#[tokio::test]
async fn a_new_project_loads() {
    let parent = tempfile::tempdir().unwrap();
    let project = parent.path().join("blog");
    fraiseql::cli::init::create(&project).unwrap();
    let database = Database::of_directory(project.join("sql"));
    let posts = "SELECT count(*) FROM v_post JOIN v_user ON pk_user = fk_user";
    assert_eq!(ask(&database.url(), posts).await.unwrap(), 5);
}
