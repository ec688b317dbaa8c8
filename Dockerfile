# The program and the few libraries that it is linked with in an empty image: no shell, no other user than its own.
#
#   docker build -t fraiseql .                                           REST and GraphQL
#   docker build -t fraiseql --build-arg FEATURES=grpc-transport .       gRPC too
#
# A service's image is three lines:
#
#   FROM fraiseql
#   COPY fraiseql.toml schema.compiled.json ./
#   ENV DATABASE_URL=…                                                   or better, at `docker run`
ARG RUST=1.92

FROM rust:${RUST}-slim-bookworm AS build
WORKDIR /source
COPY Cargo.toml Cargo.lock build.rs ./
COPY proto proto
COPY python/fraiseql python/fraiseql
COPY assets assets
COPY benches benches
COPY tests tests
COPY src src
ARG FEATURES=
ARG COMMIT=unknown
ENV FRAISEQL_COMMIT=${COMMIT}
RUN cargo build --release --locked --bin fraiseql --features "${FEATURES}"
# The loader and the C library among them, which resolves names without anything else.
RUN mkdir -p /image/usr/bin && cp target/release/fraiseql /image/usr/bin/ \
    && ldd target/release/fraiseql | grep -o '/[^ ]*' | xargs cp -L --parents -t /image
RUN mkdir -p /writable/service /writable/tmp && chmod 1777 /writable/tmp

FROM scratch
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /writable/ /
USER 65532:65532
WORKDIR /service
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/bin/fraiseql", "health", "--live"]
ENTRYPOINT ["/usr/bin/fraiseql"]
CMD ["run"]
