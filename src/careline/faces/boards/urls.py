from __future__ import annotations

from django.urls import path

from careline.faces.boards import views

app_name = "boards"
urlpatterns = [
    path("board/", views.wall, name="wall"),
    path("board/now/", views.wall_now, name="wall-now"),
    path("board/stay/", views.stay, name="stay"),
    path("supervise/", views.supervise, name="supervise"),
    path("supervise/parts/<slug:name>/", views.supervise_part, name="part"),
    path("supervise/recovery/<uuid:contact_id>/", views.note_attempt, name="note-attempt"),
    path("supervise/recovery/<uuid:contact_id>/<uuid:attempt>/undo/", views.undo_attempt, name="undo-attempt"),
    path("supervise/ask/<slug:what>/", views.ask, name="ask-place"),
    path("supervise/ask/<slug:what>/<uuid:subject>/", views.ask, name="ask"),
    path("supervise/announce/", views.announce, name="announce"),
    path("supervise/notices/<uuid:notice_id>/withdraw/", views.withdraw, name="withdraw"),
    path("supervise/lines/<uuid:line_id>/close/", views.close_line, name="close-line"),
    path("supervise/lines/<uuid:line_id>/open/", views.open_line, name="open-line"),
    path("contacts/", views.contacts, name="contacts"),
    path("contacts/rows/", views.contact_rows, name="contact-rows"),
    path("contacts/export/", views.export, name="export"),
    path("contacts/<uuid:contact_id>/", views.contact, name="contact"),
]
