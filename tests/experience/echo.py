"""The plain WebSocket of the chat program."""

from vivace import App, WebSocket

app = App()


@app.websocket("/echo")
async def echo(socket: WebSocket):
    async for message in socket:
        await socket.send(message)
