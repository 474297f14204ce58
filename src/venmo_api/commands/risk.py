"""``venmo-api risk ...``: the model that scores payments, the log of decisions, candidates of policies."""

import typer

from venmo_api.commands import models, policies

risk = typer.Typer(no_args_is_help=True, help="What is held or declined, and the model behind it.")
risk.command("train")(models.train)
risk.command("evaluate")(models.evaluate)
risk.command("activate")(models.activate)
risk.command("models")(models.models)
risk.command("replay")(policies.replay)
risk.add_typer(policies.shadow, name="shadow")
