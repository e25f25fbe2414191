"""Okta Workflows: no call of the vendor's gives flows, so these kinds come from the console's export files, or from
one flow of the customer's that lists them (docs/WORKFLOWS.md). The facts are from 125 public exports and the vendor's help pages."""

NO_API = "No public API gives flows. Import the console's exports (`lastgood import`), or name a helper flow as `workflows`."
FILES_ONLY = "No public API gives it. Import the console's exports (`lastgood import`)."
BY_HAND = "No call writes it: the console imports the exported file, by hand."

# What every export holds, whatever its ending. The console asks whether subfolders go into a folder's file, and the file does
# not say what was answered: it is whole only for what lies in the folders that it names.
FILES = {
    "what": "an export of Okta Workflows",
    "endings": ["flow", "folder", "flopack"],
    "must": [
        {"at": "/type", "present": True},
        {"at": "/version", "prefix": "1."},
        {"at": "/data/flos", "present": True},
    ],
    "version": "/version",
    "versions": ["1.2.0", "1.3.0", "1.4.0", "1.5.0"],
    "made": "/created",
    "sections": "/data",
    "beside": ["projectOverview"],
    "sort": "/type",
    "whole": ["folder", "flopack"],
}

# The helper flow's host: a flow that is an endpoint is invoked with a token for that alone.
HOSTS = {"workflows": {"scopes": ["okta.workflows.invoke.manage"]}}

# Kind to: what it is, section of the file, where it says in which folder it lies, the rest.
KINDS = {
    "workflow_folder": ("A folder of Okta Workflows, with flows and tables in it.", "groups", "/data/path", {
        "name": ["/data/name"], "fields": ["data", "description", "id", "name"],
    }),
    "workflow_connection": ("A connection of Okta Workflows to an application, by name; exports hold no credentials.", "configs", None, {
        "name": ["/name"], "fields": ["data", "id", "module", "name"],
    }),
    "workflow_table": ("A table of Okta Workflows: its columns; exports hold no rows.", "tables", "/data/group_id", {
        "name": ["/name"], "fields": ["data", "description", "id", "name"],
        "refs": [{"at": "/data/group_id", "to": ["workflow_folder"]}],
    }),
    "workflow_flow": ("A flow of Okta Workflows.", "flos", "/data/group", {
        "name": ["/name"], "fields": ["data", "description", "id", "name"],
        # Cards are told apart by their own ids; what follows what stands beside them, in `orderings`.
        "set": [{"at": "/**/methods", "by": "/uuid"}],
        # What is drawn, and which saved version it was drawn from.
        "volatile": ["/data/active_version_external_id", "/data/display/preview", "/data/display/collapsedMethods"],
        "refs": [
            {"at": "/data/group", "to": ["workflow_folder"]},
            {"at": "/**/node/model/config", "to": ["workflow_connection"], "free": True},
        ],
    }),
}

# Which of them an event is about, by the part of its name after `workflows.user.`; of runs, views and exports,
# which change nothing, none.
ABOUT = {
    "flow.activate": "workflow_flow", "flow.create": "workflow_flow", "flow.deactivate": "workflow_flow", "flow.delete": "workflow_flow",
    "flow.import": "workflow_flow", "flow.move": "workflow_flow", "flow.save": "workflow_flow",
    # Whether runs are kept stands in a flow's export as `log`; whether they are streamed is a setting of the flow too.
    "flow.execution_history.activate": "workflow_flow", "flow.execution_history.deactivate": "workflow_flow",
    "flow.execution_log_stream.activate": "workflow_flow", "flow.execution_log_stream.deactivate": "workflow_flow",
    "folder.create": "workflow_folder", "folder.delete": "workflow_folder", "folder.duplicate": "workflow_folder",
    "folder.import": "workflow_folder", "folder.move": "workflow_folder", "folder.rename": "workflow_folder",
    "table.create": "workflow_table", "table.delete": "workflow_table",
    "table.import": "workflow_table", "table.move": "workflow_table", "table.update": "workflow_table",
    "table.schema.import": "workflow_table",
    "connection.create": "workflow_connection", "connection.delete": "workflow_connection",
    "connection.reauthorize": "workflow_connection", "connection.revoke": "workflow_connection",
}
# All others, by why they are about nothing that is kept.
ABOUT_NOTHING = {
    "A run of a flow: it changes no flow.": ["user.delegatedflow.run", "user.flow.execution.cancel"],
    "Records of runs are deleted, which no export holds; the flow stays as it is.": ["user.flow.execution_history.delete"],
    "A measure of the organisation's runs.": ["org.step_execution_limit.violation", "org.step_execution_limit.warning"],
    "Somebody looked at something or exported it: nothing is changed.": [
        "user.flow.export", "user.folder.export", "user.table.export", "user.table.schema.export", "user.table.view", "user.truststore.view",
    ],
    "Where runs are streamed to is a setting of the console that no export holds; it is no log stream of the organisation.": [
        "user.execution_log_stream_connection.activate", "user.execution_log_stream_connection.deactivate",
        "user.execution_log_stream_connection.update",
    ],
    "Who may do what in the console is in no export and in no API; the person or group that is named is not changed.": [
        "user.role.group.add", "user.role.group.remove", "user.role.user.add", "user.role.user.remove",
    ],
    "Trust stores are in no export and in no API.": ["user.truststore.create", "user.truststore.delete", "user.truststore.update"],
}
# A folder takes what lies in it along.
WITH_CONTENT = {"folder.delete", "folder.duplicate", "folder.import", "folder.move"}


def about(word):
    """The kinds that an event is about."""
    name = word.removeprefix("workflows.user.")
    if name not in ABOUT:
        return []
    return [ABOUT[name]] + (["workflow_flow", "workflow_table"] if name in WITH_CONTENT else [])


def why_not(word):
    """Why an event of Workflows is about no kind; an empty text for any other event."""
    if not word.startswith("workflows.") or about(word):
        return ""
    name = word.removeprefix("workflows.")
    why = [reason for reason, names in ABOUT_NOTHING.items() if name in names]
    if len(why) != 1:
        raise SystemExit(f"okta: `{word}` leads to no kind, and {len(why)} reasons say why")
    return why[0]


def kinds():
    """The kinds, in the catalogue's form."""
    out = []
    for name, (what, section, within, more) in KINDS.items():
        kind = {
            "kind": name, "what": what, "shape": "object", "id": "/id", **more,
            "unread": {"state": "no_api", "reason": FILES_ONLY},
            "file": {"at": f"/data/{section}/*"} | ({"within": within} if within else {}),
            "restore": {"class": "never", "reason": BY_HAND},
        }
        if name == "workflow_flow":
            kind["unread"] = {"state": "no_api", "reason": NO_API, "unless": "workflows"}
            kind["read"] = [{"path": "/invoke", "at": "workflows", "paging": "helper", "items": [f"/exports/*/data/{section}/*"]}]
        out.append(kind)
    return out
