# One static binary in an empty image: no shell, no libraries, no other user than its own.
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

FROM rust:${RUST}-alpine AS build
RUN apk add --no-cache build-base
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
RUN mkdir -p /root-of-image/service /root-of-image/tmp && chmod 1777 /root-of-image/tmp

FROM scratch
COPY --from=build --chown=65532:65532 /root-of-image/ /
COPY --from=build /source/target/release/fraiseql /usr/bin/fraiseql
USER 65532:65532
WORKDIR /service
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/bin/fraiseql", "health", "--live"]
ENTRYPOINT ["/usr/bin/fraiseql"]
CMD ["run"]
