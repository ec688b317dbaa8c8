"""Python's gRPC as a writer: code that grpcio-tools makes of a .proto with mutations.

    python grpc_writer.py PROTO_DIRECTORY HOST:PORT
"""

import pathlib
import sys
import tempfile
import unittest

import grpc
import grpc_tools
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from grpc_tools import protoc

PROTOS, TARGET = sys.argv[1:]


def generate():
    """Runs protoc over every file, and makes what it writes importable."""
    out = tempfile.mkdtemp()
    files = [str(path.relative_to(PROTOS)) for path in pathlib.Path(PROTOS).rglob("*.proto")]
    known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    arguments = ["protoc", f"-I{PROTOS}", f"-I{known}", f"--python_out={out}", f"--grpc_python_out={out}"]
    if protoc.main([*arguments, *files]) != 0:
        sys.exit("protoc refuses what was generated")
    # Python has a package of that name itself, which only a whole package goes before.
    for package in ["test", "test/v1"]:
        pathlib.Path(out, package, "__init__.py").touch()
    sys.path.insert(0, out)


generate()
from test.v1 import test_service_pb2 as test  # noqa: E402
from test.v1 import test_service_pb2_grpc  # noqa: E402


def reason(error):
    """What ErrorInfo says of a status."""
    info = error_details_pb2.ErrorInfo()
    rpc_status.from_call(error).details[-1].Unpack(info)
    return info.reason


class Writer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.channel = grpc.insecure_channel(TARGET)
        cls.stub = test_service_pb2_grpc.TestServiceStub(cls.channel)

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()

    def test_one_command(self):
        answer = self.stub.Put(test.PutRequest(id=0, text="zero"))
        self.assertTrue(answer.success)
        self.assertEqual((answer.id, answer.entity.id, answer.entity.text), ("0", 0, "zero"))
        self.assertFalse(answer.HasField("error"))
        for request, code, why in [
            (test.PutRequest(id=0), grpc.StatusCode.ALREADY_EXISTS, "CONFLICT"),
            (test.PutRequest(id=-1, text="bad"), grpc.StatusCode.FAILED_PRECONDITION, "VALIDATION_FAILED"),
            (test.PutRequest(text="no id"), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
        ]:
            with self.assertRaises(grpc.RpcError) as raised:
                self.stub.Put(request)
            self.assertEqual((raised.exception.code(), reason(raised.exception)), (code, why))

    def test_a_stream(self):
        mask = FieldMask(paths=["text"])

        def commands():
            for n in range(1, 2001):
                yield test.PutRequest(id=n, text="bad" if n == 1500 else f"row {n}", read_mask=mask)

        for n, answer in enumerate(self.stub.PutStream(commands()), 1):
            if n == 1500:
                self.assertEqual((answer.success, answer.code), (False, "VALIDATION_FAILED"))
                self.assertEqual(answer.error, "row 1500 is bad")
            else:
                self.assertEqual((answer.success, answer.entity.text), (True, f"row {n}"))
        self.assertEqual(n, 2000)

    def test_an_atomic_stream(self):
        atomic = [("atomic", "true")]
        bad = [test.PutRequest(id=n, text="bad" if n == 5009 else "x") for n in range(5000, 5010)]
        with self.assertRaises(grpc.RpcError) as raised:
            list(self.stub.PutStream(iter(bad), metadata=atomic))
        self.assertEqual(raised.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        good = [test.PutRequest(id=n) for n in range(5000, 5010)]
        answers = list(self.stub.PutStream(iter(good), metadata=atomic))
        self.assertEqual([answer.entity.id for answer in answers], list(range(5000, 5010)))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
