import json

# What the model is told that it may ask for.
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "calculator",
            "parameters": {
                "type": "object",
                "properties": {"a": {"type": "number"}, "operator": {"enum": ["*", "+"]}, "b": {"type": "number"}},
            },
        },
    }
]


async def run_tool(call: dict) -> dict:
    if call["name"] != "calculator":
        return {"id": call["id"], "text": f"There is no tool {call['name']}."}
    asked = json.loads(call["arguments"])
    a, operator, b = asked["a"], asked["operator"], asked["b"]
    return {"id": call["id"], "text": f"{a} {operator} {b} = {a * b if operator == '*' else a + b}."}
