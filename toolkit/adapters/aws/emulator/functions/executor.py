"""Lambda as one executor of the emulator."""

from __future__ import annotations

from toolkit.adapters.aws.emulator import operations
from toolkit.adapters.aws.emulator.executors import Home
from toolkit.adapters.aws.emulator.functions.code import Code
from toolkit.adapters.aws.emulator.functions.control import Control
from toolkit.adapters.aws.emulator.functions.invoking import Invoker
from toolkit.adapters.aws.emulator.functions.state import Functions
from toolkit.adapters.aws.emulator.functions.urls import Urls
from toolkit.adapters.aws.emulator.moto import Moto
from toolkit.adapters.aws.emulator.wire import Call, Reply


class Lambda:
    def __init__(self, moto: Moto, home: Home) -> None:
        self.functions = Functions()
        self.invoker = Invoker(moto, home, self.functions)
        self._control = Control(moto, home, self.functions, Code(moto, home.folder / "bundles"), self.invoker.forget)
        self._urls = Urls(home, self.functions, self.invoker)

    def before(self, call: Call) -> Reply | None:
        if (reply := self._urls.answer(call)) is not None:
            return reply
        if call.service != "lambda":
            return None
        try:
            operation, given = operations.service("lambda").read(call)
            if not operation:
                return Reply.refused(404, "UnknownOperationException", "Unknown Operation")
            if operation == "Invoke":
                return self.invoker.invoke(call.region, given)
            return self._control(operation, call.region, given)
        except operations.Invalid as error:
            return Reply.refused(400, "ValidationException", str(error))
        except operations.Refused as refused:
            return refused.reply

    def after(self, call: Call, reply: Reply) -> Reply:
        return reply

    def close(self) -> None:
        self.invoker.close()
