from django.urls import path

from . import views

urlpatterns = [
    path("learning/", views.scores, name="learning"),
    path("learning/times/", views.moments, name="learning-times"),
    path("learning/fits/", views.matches, name="learning-fits"),
    path("learning/terms/", views.terms, name="learning-terms"),
    path("learning/now/", views.learn_now, name="learning-now"),
    path("customers/<int:customer_id>/suggestion/", views.suggestion, name="suggestion"),
]
