"""`python -m ghasi.devstack.prepare_database`: migrate, and see to it that the admin's login exists.

DJANGO_SUPERUSER_USERNAME and DJANGO_SUPERUSER_PASSWORD name the login, of role lead; its password is set anew each
time. One process for both, because loading Django is most of what either takes.
"""

import os

LEAD = "lead"


def prepare() -> None:
    """Bring the database of DATABASE_URL up to date."""
    import django

    django.setup()
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    name = os.environ.get("DJANGO_SUPERUSER_USERNAME")
    password = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
    if name and password:
        user, _ = User.objects.get_or_create(username=name)
        user.is_staff, user.is_superuser = True, False
        user.set_password(password)
        user.save()
        user.groups.set(Group.objects.filter(name=LEAD))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ghasi.settings")
    prepare()
