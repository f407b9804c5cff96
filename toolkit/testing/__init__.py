"""The conformance suites: one class a port, the same for every provider, shipped so that others can test their own.

    class TestMine(StoreSuite):
        provider = PROVIDER

        @pytest.fixture
        def store(self, tmp_path): return open_store({"store": str(tmp_path)})

        @pytest.fixture
        def second(self, tmp_path): return open_store({"store": str(tmp_path)})  # another handle on the same content

A case names the claims it proves (`@claims("store.create")`). Where the provider makes them, it must pass; where it
does not, the same case must raise Unsupported: no provider's name in a suite, no silent skip.

Beside them stand the suites of what goes wrong: `store_faults` (every verb of a store) and `service_faults` (functions,
jobs, schedules, secrets; the deeds in `deeds`) put `faultproxy` before the services. A provider says in which words its
services fail and what may be told of it (`faultcases`); long variants are marked `exhaustive`.
"""
