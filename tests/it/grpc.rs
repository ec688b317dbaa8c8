//! A gRPC client that knows the service by reflection alone, with messages as JSON.

use std::net::SocketAddr;

use bytes::{Buf, BufMut, Bytes};
use futures_util::Stream;
use prost_reflect::prost::Message as _;
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use serde_json::{Value as Json, json};
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder, Streaming};
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use crate::service::Api;

/// A connection, and what reflection said of the service.
#[derive(Clone)]
pub struct Client {
    pub channel: Channel,
    pool: DescriptorPool,
    service: String,
    /// Sent with every request.
    authorization: Option<String>,
}

/// A message that cannot be sent: the client resets the stream in its place. One that only lets go of its
/// answers does not, as long as it may send more.
pub const CUT: &[u8] = b"\xffcut";

/// Messages as they travel.
#[derive(Debug, Clone, Default)]
pub struct Plain;

// === impl Client ===

impl Client {
    pub async fn of(api: &Api) -> Client {
        Client::at(api.address(), "test.v1.TestService").await
    }

    /// A client with a token.
    pub async fn of_caller(api: &Api, authorization: &str) -> Client {
        Client::new(api.address(), "test.v1.TestService", Some(authorization.to_owned())).await
    }

    pub async fn at(address: SocketAddr, service: &str) -> Client {
        Client::new(address, service, None).await
    }

    async fn new(address: SocketAddr, service: &str, authorization: Option<String>) -> Client {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap().tcp_nodelay(true);
        Client::over(endpoint.connect().await.unwrap(), service, authorization).await
    }

    /// A client over a connection of any kind.
    pub async fn over(channel: Channel, service: &str, authorization: Option<String>) -> Client {
        let pool = reflected(channel.clone(), service, authorization.as_deref()).await;
        Client { channel, pool, service: service.to_owned(), authorization }
    }

    /// The same client with another token, or none.
    pub fn with_authorization(&self, authorization: Option<String>) -> Client {
        Client { authorization, ..self.clone() }
    }

    /// The names of the methods that reflection shows.
    pub fn methods(&self) -> Vec<String> {
        let service = self.pool.get_service_by_name(&self.service).unwrap();
        service.methods().map(|method| method.name().to_owned()).collect()
    }

    pub fn method(&self, name: &str) -> MethodDescriptor {
        let service = self.pool.get_service_by_name(&self.service).unwrap();
        service.methods().find(|method| method.name() == name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// The bytes of a request.
    pub fn encode(&self, method: &str, request: &Json) -> Bytes {
        let message = DynamicMessage::deserialize(self.method(method).input(), request.clone());
        message.unwrap_or_else(|error| panic!("{request}: {error}")).encode_to_vec().into()
    }

    pub fn decode(&self, method: &str, bytes: &[u8]) -> Json {
        serde_json::to_value(self.message(method, bytes)).unwrap()
    }

    pub fn message(&self, method: &str, bytes: &[u8]) -> DynamicMessage {
        DynamicMessage::decode(self.method(method).output(), bytes).unwrap()
    }

    pub fn path(&self, method: &str) -> String {
        format!("/{}/{method}", self.service)
    }

    /// Every message of an answer, of one method or of a stream.
    pub async fn ask(&self, method: &str, request: Json) -> Result<Vec<Json>, Status> {
        let messages = self.ask_as(self.authorization.as_deref(), method, request).await?;
        Ok(messages.iter().map(|message| self.decode(method, message)).collect())
    }

    /// The same as bytes, for whoever `authorization` says.
    pub async fn ask_as(&self, authorization: Option<&str>, method: &str, request: Json) -> Result<Vec<Bytes>, Status> {
        let mut request = Request::new(self.encode(method, &request));
        authorize(&mut request, authorization);
        let mut messages = self.stream(method, request, None).await?;
        let mut all = Vec::new();
        while let Some(message) = messages.message().await? {
            all.push(message);
        }
        Ok(all)
    }

    /// The messages of an answer that has to succeed.
    #[track_caller]
    pub fn data(&self, method: &str, request: Json) -> impl Future<Output = Vec<Json>> {
        let caller = std::panic::Location::caller();
        async move {
            let answer = self.ask(method, request.clone()).await;
            answer.unwrap_or_else(|status| panic!("{caller}: {method} {request}: {status:?}"))
        }
    }

    /// The one message of an answer that has to succeed.
    #[track_caller]
    pub fn one(&self, method: &str, request: Json) -> impl Future<Output = Json> {
        let answer = self.data(method, request);
        async move {
            let mut messages = answer.await;
            assert_eq!(messages.len(), 1);
            messages.remove(0)
        }
    }

    /// The status of an answer that has to fail: gRPC's code, ours, and the message.
    #[track_caller]
    pub fn refusal(&self, method: &str, request: Json) -> impl Future<Output = (tonic::Code, String, String)> {
        let caller = std::panic::Location::caller();
        async move {
            let answer = self.ask(method, request.clone()).await;
            let status = answer.err().unwrap_or_else(|| panic!("{caller}: {method} {request} is answered"));
            let told = details(&status);
            (status.code(), told["reason"].as_str().unwrap_or_default().to_owned(), status.message().to_owned())
        }
    }

    /// The messages of an answer as they arrive.
    pub async fn stream(
        &self,
        method: &str,
        request: Request<Bytes>,
        compression: Option<(CompressionEncoding, bool)>,
    ) -> Result<Streaming<Bytes>, Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone()).max_decoding_message_size(64 << 20);
        if let Some((encoding, send)) = compression {
            client = client.accept_compressed(encoding);
            if send {
                client = client.send_compressed(encoding);
            }
        }
        client.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
        let path = self.path(method).parse().unwrap();
        Ok(client.server_streaming(request, path, Plain).await?.into_inner())
    }
}

impl Client {
    /// Sends one command, with metadata; its answer, with what stands before and behind it.
    pub async fn command(
        &self,
        method: &str,
        request: &Json,
        metadata: &[(&'static str, &str)],
    ) -> Result<(Json, MetadataMap), Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
        let mut request = Request::new(self.encode(method, request));
        for (name, value) in metadata {
            request.metadata_mut().insert(*name, value.parse().unwrap());
        }
        authorize(&mut request, self.authorization.as_deref());
        let response = client.unary(request, self.path(method).parse().unwrap(), Plain).await?;
        Ok((self.decode(method, response.get_ref()), response.metadata().clone()))
    }

    /// Sends commands, with metadata; the answers as they arrive.
    pub async fn write(
        &self,
        method: &str,
        commands: impl Stream<Item = Bytes> + Send + 'static,
        metadata: &[(&'static str, &str)],
    ) -> Result<Streaming<Bytes>, Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
        let mut request = Request::new(commands);
        for (name, value) in metadata {
            request.metadata_mut().insert(*name, value.parse().unwrap());
        }
        authorize(&mut request, self.authorization.as_deref());
        let path = self.path(method).parse().unwrap();
        Ok(client.streaming(request, path, Plain).await?.into_inner())
    }

    /// All answers to commands that are at hand, and the status behind them.
    pub async fn written(
        &self,
        method: &str,
        commands: &[Json],
        metadata: &[(&'static str, &str)],
    ) -> (Vec<Json>, Result<(), Status>) {
        let commands: Vec<Bytes> = commands.iter().map(|command| self.encode(method, command)).collect();
        let mut all = Vec::new();
        let mut answers = match self.write(method, futures_util::stream::iter(commands), metadata).await {
            Ok(answers) => answers,
            Err(status) => return (all, Err(status)),
        };
        loop {
            match answers.message().await {
                Ok(Some(message)) => all.push(self.decode(method, &message)),
                Ok(None) => return (all, Ok(())),
                Err(status) => return (all, Err(status)),
            }
        }
    }
}

/// What `grpc-status-details-bin` holds: the reason of ErrorInfo, and the fields of BadRequest.
pub fn details(status: &Status) -> Json {
    let mut told = json!({});
    // google.rpc.Status is {code, message, repeated Any}, all of which happen to be fields 1 to 3.
    for (number, detail) in fields(status.details()) {
        if number != 3 {
            continue;
        }
        let any = fields(&detail);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let name = text(&any[0].1);
        let content = fields(&any[1].1);
        match name.rsplit('.').next().unwrap() {
            "ErrorInfo" => told["reason"] = text(&content[0].1).into(),
            "BadRequest" => told["field"] = text(&fields(&content[0].1)[0].1).into(),
            "RetryInfo" => told["retry"] = true.into(),
            other => panic!("{other}"),
        }
    }
    told
}

/// The length-delimited fields of a message.
fn fields(mut bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut all = Vec::new();
    while bytes.has_remaining() {
        let (number, wire) = prost_reflect::prost::encoding::decode_key(&mut bytes).unwrap();
        match wire {
            prost_reflect::prost::encoding::WireType::LengthDelimited => {
                let length = prost_reflect::prost::encoding::decode_varint(&mut bytes).unwrap() as usize;
                all.push((number, bytes.copy_to_bytes(length).to_vec()));
            }
            _ => drop(prost_reflect::prost::encoding::decode_varint(&mut bytes).unwrap()),
        }
    }
    all
}

fn authorize<T>(request: &mut Request<T>, authorization: Option<&str>) {
    if let Some(authorization) = authorization {
        request.metadata_mut().insert("authorization", authorization.parse().unwrap());
    }
}

/// The descriptors of a service and of all that it imports, asked for one by one.
async fn reflected(channel: Channel, service: &str, authorization: Option<&str>) -> DescriptorPool {
    let mut client = ServerReflectionClient::new(channel);
    let mut wanted = vec![MessageRequest::FileContainingSymbol(service.to_owned())];
    let mut files: Vec<FileDescriptorProto> = Vec::new();
    while let Some(request) = wanted.pop() {
        let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
        let mut request = Request::new(futures_util::stream::iter([request]));
        authorize(&mut request, authorization);
        let answer: ServerReflectionResponse =
            client.server_reflection_info(request).await.unwrap().into_inner().message().await.unwrap().unwrap();
        let Some(MessageResponse::FileDescriptorResponse(found)) = answer.message_response else {
            panic!("{answer:?}")
        };
        for bytes in found.file_descriptor_proto {
            let file = FileDescriptorProto::decode(&*bytes).unwrap();
            let known = |name: &String| files.iter().any(|file| file.name() == name);
            let more = file.dependency.iter().filter(|name| !known(name)).cloned();
            wanted.extend(more.map(MessageRequest::FileByFilename));
            if files.iter().all(|known| known.name() != file.name()) {
                files.push(file);
            }
        }
    }
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_protos(files).unwrap();
    pool
}

// === impl Plain ===

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Plain;
    type Decoder = Plain;

    fn encoder(&mut self) -> Plain {
        Plain
    }

    fn decoder(&mut self) -> Plain {
        Plain
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        if message == CUT {
            return Err(Status::cancelled("cut"));
        }
        out.put(message);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = bytes.remaining();
        Ok(Some(bytes.copy_to_bytes(length)))
    }
}
