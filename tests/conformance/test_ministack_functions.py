from typing import ClassVar

import pytest

from tests.adapters.aws import stack
from tests.support import HERE
from toolkit.adapters.aws import PROVIDER
from toolkit.adapters.aws.functions import open_functions
from toolkit.adapters.aws.store import open_store
from toolkit.ports import Settings
from toolkit.ports.functions import Functions
from toolkit.testing.functions import FunctionsSuite, PutBundle, bundle_into


@pytest.fixture(scope="module")
def settings() -> Settings:
    return stack.prepared()


@pytest.mark.slow
class TestMinistackFunctions(FunctionsSuite):
    provider = PROVIDER
    server = "ministack"
    fields: ClassVar = {"runtime": HERE}

    # What ministack does otherwise than Lambda; moto with our executor shows these.
    test_a_request_reaches_the_function_whole = None  # type: ignore[assignment]  # its rawPath is decoded
    test_more_calls_than_its_concurrency_are_told_so = None  # type: ignore[assignment]  # reserves nothing
    test_payloads_over_the_limit_are_refused = None  # type: ignore[assignment]  # takes any size
    test_a_stranger_is_refused_unless_it_is_public = None  # type: ignore[assignment]  # its URLs are of no host here
    test_a_failing_event_raises_with_type_and_message = None  # type: ignore[assignment]  # one type for every error
    test_traffic_splits_by_weight = None  # type: ignore[assignment]  # keeps an alias's weights and ignores them
    test_what_cannot_be_published = None  # type: ignore[assignment]  # makes a function of no bundle
    test_a_call_past_its_memory_ends_and_the_next_is_served = None  # type: ignore[assignment]  # no limit of memory
    test_what_is_printed_can_be_read_on_from_a_cursor = None  # type: ignore[assignment]  # its log lines have no id
    test_logs_can_be_followed = None  # type: ignore[assignment]  # the same
    test_an_event_that_nobody_waits_for_is_delivered = None  # type: ignore[assignment]  # read back from the log
    test_what_is_deleted_is_gone = None  # type: ignore[assignment]  # the URL outlives its function

    @pytest.fixture
    def functions(self, settings: Settings) -> Functions:
        return open_functions(settings)

    @pytest.fixture
    def put_bundle(self, settings: Settings) -> PutBundle:
        return bundle_into(open_store(settings))
