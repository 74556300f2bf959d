"""Readies a stack that `sam deploy` has put onto an emulator, and writes down what the tests need to know of it.

    tests/stack.py ENDPOINT STACK FILE

Stores of tests are on this machine and speak no TLS: the functions are told so, which the template never does. FILE is
JSON: the outputs, and each function's name and variables as they were deployed.
"""

import json
import sys

import boto3

FUNCTIONS = ["webhook", "sync", "reconcile", "admin"]


def main(endpoint, name, file):
    def client(service):
        return boto3.client(service, endpoint_url=endpoint)

    stack = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    functions = {}
    for function in FUNCTIONS:
        physical = outputs[f"{function.capitalize()}FunctionName"]
        variables = client("lambda").get_function_configuration(FunctionName=physical)["Environment"]["Variables"]
        variables["ALLOW_INSECURE_ENDPOINTS"] = "true"
        client("lambda").update_function_configuration(FunctionName=physical, Environment={"Variables": variables})
        functions[function] = {"name": physical, "variables": variables}
    resources = client("cloudformation").list_stack_resources(StackName=name)["StackResourceSummaries"]
    told = {"endpoint": endpoint, "name": name, "outputs": outputs, "functions": functions}
    told["resources"] = {resource["LogicalResourceId"]: resource["ResourceType"] for resource in resources}
    with open(file, "w") as out:
        json.dump(told, out, indent=1)


main(*sys.argv[1:])
