"""Looks at a stack on an emulator after each step of its life, for `tests/run`.

    tests/lifecycle.py ENDPOINT STACK born FILE      it has just been deployed, behind Function URLs; FILE remembers it
    tests/lifecycle.py ENDPOINT STACK copied FILE    makes a copy of its table, as a restore would; prints the copy's name
    tests/lifecycle.py ENDPOINT STACK upgraded FILE  it was deployed again, onto the copy and with other settings
    tests/lifecycle.py ENDPOINT STACK gone FILE      it was deleted: all but its table

A wrong thing ends with status 1 and a sentence.
"""

import json
import sys

import boto3

FUNCTIONS = ["webhook", "sync", "reconcile", "admin"]
ROW = {"pk": {"S": "HUB"}, "sk": {"S": "LIFECYCLE"}, "v": {"N": "1"}, "body": {"S": "{}"}}
KEY = {"pk": ROW["pk"], "sk": ROW["sk"]}


class Stack:
    def __init__(self, endpoint, name):
        self.client = lambda service: boto3.client(service, endpoint_url=endpoint)
        self.name = name
        self.dynamodb = self.client("dynamodb")

    def outputs(self):
        stack = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def resources(self):
        listed = self.client("cloudformation").list_stack_resources(StackName=self.name)["StackResourceSummaries"]
        return [resource["ResourceType"] for resource in listed]

    def variables(self, function):
        configuration = self.client("lambda").get_function_configuration(FunctionName=function)
        return configuration["Environment"]["Variables"]

    def has_row(self, table):
        return "Item" in self.dynamodb.get_item(TableName=table, Key=KEY)


def born(stack, file):
    outputs, resources = stack.outputs(), stack.resources()
    want(resources.count("AWS::Lambda::Url") == 2, "two Function URLs", resources)
    want(not any(kind.startswith("AWS::ApiGateway") for kind in resources), "no API", resources)
    for output in ["Url", "WebhookUrl"]:
        want(".lambda-url." in outputs[output], f"{output} is a Function URL", outputs[output])
    want(outputs["WebhookUrl"].endswith("on.aws/webhooks/{account}"), "webhooks have a path", outputs["WebhookUrl"])
    functions = [outputs[f"{function.capitalize()}FunctionName"] for function in FUNCTIONS]
    public = stack.variables(functions[-1])["PUBLIC_URL"]
    want(outputs["WebhookUrl"].startswith(public), "the hub registers webhooks at that address", public)
    stack.dynamodb.put_item(TableName=outputs["TableName"], Item=ROW)
    with open(file, "w") as out:
        json.dump({"table": outputs["TableName"], "functions": functions}, out)


def copied(stack, file):
    table = remembered(file)["table"]
    described = stack.dynamodb.describe_table(TableName=table)["Table"]
    index = [
        {name: part[name] for name in ["IndexName", "KeySchema", "Projection"]}
        for part in described["GlobalSecondaryIndexes"]
    ]
    stack.dynamodb.create_table(
        TableName=f"{table}-restored",
        KeySchema=described["KeySchema"],
        AttributeDefinitions=described["AttributeDefinitions"],
        GlobalSecondaryIndexes=index,
        BillingMode="PAY_PER_REQUEST",
    )
    for row in stack.dynamodb.scan(TableName=table)["Items"]:
        stack.dynamodb.put_item(TableName=f"{table}-restored", Item=row)
    print(f"{table}-restored")


def upgraded(stack, file):
    before, outputs = remembered(file), stack.outputs()
    restored = f"{before['table']}-restored"
    want(outputs["TableName"] == restored, "the restored table is worked on", outputs["TableName"])
    for function in before["functions"]:
        want(stack.variables(function)["TABLE_NAME"] == restored, f"{function} works on it", stack.variables(function))
    want(stack.has_row(before["table"]), "the stack's own table is as it was", before["table"])
    groups = stack.client("logs").describe_log_groups()["logGroups"]
    kept = {group.get("retentionInDays") for group in groups if f"/{stack.name}/" in group["logGroupName"]}
    want(kept == {7}, "logs are kept as the new settings say", kept)


def gone(stack, file):
    before = remembered(file)
    left = {function["FunctionName"] for function in stack.client("lambda").list_functions()["Functions"]}
    want(not left & set(before["functions"]), "no function is left", left)
    want(stack.has_row(before["table"]), "the table outlives its stack", before["table"])


def remembered(file):
    with open(file) as text:
        return json.load(text)


def want(holds, what, instead):
    if not holds:
        sys.exit(f"wanted: {what}; there is: {instead}")


endpoint, name, step, file = sys.argv[1:]
{"born": born, "copied": copied, "upgraded": upgraded, "gone": gone}[step](Stack(endpoint, name), file)
