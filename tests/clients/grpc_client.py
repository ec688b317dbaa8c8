"""Python's gRPC against the shop: code that grpcio-tools makes of its .proto, and reflection without it.

    python grpc_client.py PROTO_DIRECTORY HOST:PORT [CERTIFICATE]

With a certificate the connection is TLS, and trusts that one alone.
"""

import pathlib
import sys
import tempfile
import unittest

import grpc
import grpc_tools
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status
from grpc_tools import protoc

PROTOS, TARGET, *CERTIFICATE = sys.argv[1:]
SERVICE = "shop.v1.ShopService"


def generate():
    """Runs protoc over every file, and makes what it writes importable."""
    out = tempfile.mkdtemp()
    files = [str(path.relative_to(PROTOS)) for path in pathlib.Path(PROTOS).rglob("*.proto")]
    known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    arguments = ["protoc", f"-I{PROTOS}", f"-I{known}", f"--python_out={out}", f"--grpc_python_out={out}"]
    if protoc.main([*arguments, *files]) != 0:
        sys.exit("protoc refuses what was generated")
    sys.path.insert(0, out)


def connect():
    options = [("grpc.max_receive_message_length", 64 << 20)]
    if not CERTIFICATE:
        return grpc.insecure_channel(TARGET, options=options)
    trusted = pathlib.Path(CERTIFICATE[0]).read_bytes()
    return grpc.secure_channel(TARGET, grpc.ssl_channel_credentials(trusted), options=options)


generate()
from fraiseql.v1 import common_pb2, filters_pb2  # noqa: E402
from shop.v1 import shop_service_pb2 as shop  # noqa: E402
from shop.v1 import shop_service_pb2_grpc  # noqa: E402

ASC = common_pb2.ORDER_DIRECTION_ASC


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.channel = connect()
        cls.stub = shop_service_pb2_grpc.ShopServiceStub(cls.channel)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()

    def users(self, **more):
        return shop.ListUsersRequest(order_by=[shop.UserOrderByInput(email=ASC)], **more)

    def refused(self, code, call):
        """The error of a call, with the details that go with it."""
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        found = {}
        for detail in rpc_status.from_call(caught.exception).details:
            for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest):
                if detail.Is(kind.DESCRIPTOR):
                    found[kind.DESCRIPTOR.name] = kind.FromString(detail.value)
        return caught.exception, found

    def test_a_list_is_a_stream_of_rows(self):
        users = list(self.stub.ListUsers(self.users(limit=5)))
        self.assertEqual(len(users), 5)
        self.assertEqual([user.email for user in users], sorted(user.email for user in users))
        user = users[0]
        self.assertEqual(user.created_at.ToDatetime().year // 1000, 2)
        self.assertIn(shop.UserRole.Name(user.role), ("USER_ROLE_ADMIN", "USER_ROLE_EDITOR", "USER_ROLE_MEMBER"))
        self.assertRegex(user.score, r"^-?\d+(\.\d+)?$")
        self.assertEqual(len(user.posts), 0, "what is joined has to be named")

    def test_pages_hold_the_same_rows(self):
        rows = list(self.stub.ListUsers(self.users(limit=1200)))
        pages = list(self.stub.ListUsersPages(self.users(limit=1200)))
        self.assertEqual([len(page.items) for page in pages], [500, 500, 200])
        self.assertEqual([user for page in pages for user in page.items], rows)

    def test_one_row(self):
        first = next(self.stub.ListUsers(self.users(limit=1)))
        self.assertEqual(self.stub.GetUser(shop.GetUserRequest(id=first.id)), first)
        unset = [user for user in self.stub.ListUsers(self.users(limit=200)) if not user.HasField("age")]
        self.assertTrue(unset and unset[0].age == 0, "null is a field that is not set")

    def test_a_mask_chooses_fields_at_any_depth(self):
        mask = FieldMask(paths=["name", "posts.title", "posts.comments.body"])
        request = self.users(limit=20, read_mask=mask)
        request.joins.posts.limit = 2
        request.joins.posts.joins.comments.limit = 1
        users = list(self.stub.ListUsers(request))
        posts = [post for user in users for post in user.posts]
        self.assertTrue(posts and all(post.title and not post.id for post in posts))
        self.assertTrue(any(post.comments for post in posts))
        self.assertTrue(all(len(user.posts) <= 2 and user.name and not user.email for user in users))

    def test_filters(self):
        where = shop.UserWhereInput(
            age=filters_pb2.IntFilter(gte=18),
            active=filters_pb2.BooleanFilter(eq=True),
            role=shop.UserRoleFilter(**{"in": [shop.USER_ROLE_ADMIN, shop.USER_ROLE_EDITOR]}),
        )
        found = list(self.stub.ListUsers(self.users(where=where, limit=50)))
        self.assertTrue(found)
        self.assertTrue(all(user.age >= 18 and user.active and user.role != shop.USER_ROLE_MEMBER for user in found))

    def test_a_connection(self):
        page = self.stub.ListAllUsers(shop.ListAllUsersRequest(first=3))
        after = self.stub.ListAllUsers(shop.ListAllUsersRequest(first=3, after=page.page_info.end_cursor))
        self.assertTrue(page.page_info.has_next_page and after.page_info.has_previous_page)
        ids = [edge.node.id for edge in [*page.edges, *after.edges]]
        self.assertEqual(len(set(ids)), 6)

    def test_a_union_is_a_oneof(self):
        kinds = {item.WhichOneof("variant") for item in self.stub.ListFeed(shop.ListFeedRequest(limit=100))}
        self.assertEqual(kinds, {"post", "product"})

    def test_errors_have_details(self):
        nobody = shop.GetUserRequest(id="00000000-0000-0000-0000-000000000000")
        _, details = self.refused(grpc.StatusCode.NOT_FOUND, lambda: self.stub.GetUser(nobody))
        self.assertEqual((details["ErrorInfo"].reason, details["ErrorInfo"].domain), ("NOT_FOUND", "fraiseql"))
        self.assertTrue(details["ErrorInfo"].metadata["requestId"])
        wrong = self.users(read_mask=FieldMask(paths=["nam"]))
        error, details = self.refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: list(self.stub.ListUsers(wrong)))
        self.assertIn('did you mean "name"?', error.details())
        self.assertEqual(details["BadRequest"].field_violations[0].field, "read_mask")
        unknown = self.channel.unary_unary(f"/{SERVICE}/GetUsr")
        error, _ = self.refused(grpc.StatusCode.UNIMPLEMENTED, lambda: unknown(b""))
        self.assertIn("GetUser", error.details())

    def test_a_deadline_ends_a_stream(self):
        with self.assertRaises(grpc.RpcError) as caught:
            list(self.stub.ListComments(shop.ListCommentsRequest(), timeout=0.05))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    def test_a_stream_can_be_left(self):
        for _ in range(20):
            call = self.stub.ListComments(shop.ListCommentsRequest())
            next(call)
            call.cancel()
        self.assertEqual(len(list(self.stub.ListUsers(self.users(limit=1)))), 1)

    def test_gzip_both_ways(self):
        request = self.users(limit=300)
        plain = list(self.stub.ListUsersPages(request))
        self.assertEqual(list(self.stub.ListUsersPages(request, compression=grpc.Compression.Gzip)), plain)

    def test_reflection_without_generated_code(self):
        pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))
        method = pool.FindServiceByName(SERVICE).methods_by_name["ListPosts"]
        self.assertTrue(method.server_streaming)
        of = message_factory.GetMessageClass
        call = self.channel.unary_stream(
            f"/{SERVICE}/ListPosts",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=of(method.output_type).FromString,
        )
        request = json_format.ParseDict({"limit": 2, "read_mask": "title,author.name"}, of(method.input_type)())
        posts = [json_format.MessageToDict(post) for post in call(request)]
        self.assertEqual([sorted(post) for post in posts], [["author", "title"]] * 2)

    def test_health(self):
        health = health_pb2_grpc.HealthStub(self.channel)
        for service in ("", SERVICE):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service))
            self.assertEqual(answer.status, health_pb2.HealthCheckResponse.SERVING)
        watch = health.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        self.assertEqual(next(watch).status, health_pb2.HealthCheckResponse.SERVING)
        watch.cancel()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
