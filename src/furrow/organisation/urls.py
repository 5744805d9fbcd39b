from django.urls import path

from . import views

urlpatterns = [
    path("people/", views.people, name="people"),
    path("people/new/", views.create_person, name="person-create"),
    path("people/teams/new/", views.new_team, name="team-create"),
    path("people/teams/<int:team_id>/", views.edit_team, name="team-edit"),
    path("people/<int:user_id>/", views.person, name="person"),
    path("people/<int:user_id>/password/", views.new_password, name="person-password"),
    path("people/<int:user_id>/unlock/", views.unlock, name="person-unlock"),
    path("me/", views.me, name="me"),
    path("me/language/", views.set_language, name="set-language"),
    path("me/theme/", views.set_theme, name="set-theme"),
    path("rights/", views.rights, name="rights"),
    path("audit/", views.audit, name="audit"),
]
